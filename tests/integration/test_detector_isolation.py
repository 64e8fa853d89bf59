"""A backend in a process of its own: it answers as one beside us does, and takes nobody along."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

import numpy as np
import psutil
import pytest
from detector.artifacts import Artifacts
from detector.backends import KINDS, BackendError
from detector.geometry import Canvas, InputSize, LetterboxCanvas
from detector.host import cpu_name
from detector.isolating import Isolation
from detector.measuring import measure
from detector.photo import check_photo

from facewire.models import model_path
from tests.places import CACHE, MODELS
from tests.servers import HUNG_S, wait_for

SIZE = InputSize(320, 256)
CRASHES = "__attribute__((constructor)) static void at_load(void) { *(volatile int *)0 = 1; }"
HANGS = "#include <unistd.h>\n__attribute__((constructor)) static void at_load(void) { for (;;) pause(); }"


@pytest.fixture(scope="module")
def artifacts() -> Artifacts:
    return Artifacts(model_path(MODELS, "yunet"), SIZE, 1, CACHE)


@pytest.fixture
def canvas() -> Canvas:
    return LetterboxCanvas(SIZE).fill(check_photo(MODELS))[0]


@pytest.fixture
def isolation(artifacts: Artifacts) -> Iterator[Isolation]:
    isolation = Isolation("tvm", artifacts.library(cpu_name()), 1)
    yield isolation
    isolation.abort()


def library(folder: Path, source: str) -> Path:
    """Compile a library that does something to the process that loads it."""
    assert shutil.which("cc"), "scripts/setup test installs a C compiler"
    (folder / "bad.c").write_text(source, encoding="ascii")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "bad.so", folder / "bad.c"], check=True)
    return folder / "bad.so"


def only_child() -> psutil.Process:
    (child,) = (each for each in psutil.Process().children() if "detector.isolated" in each.cmdline())
    return child


def test_it_answers_as_one_beside_us_does(artifacts: Artifacts, isolation: Isolation, canvas: Canvas) -> None:
    beside = KINDS["tvm"].open(artifacts.library(cpu_name()), 1)
    backend = isolation.load()
    for picture in (canvas, canvas[:, ::-1], np.zeros_like(canvas)):
        for theirs, ours in zip(backend.infer(picture), beside.infer(picture), strict=True):
            np.testing.assert_array_equal(theirs, ours)


def test_an_error_over_there_is_an_error_here(isolation: Isolation, canvas: Canvas) -> None:
    backend = isolation.load()
    with pytest.raises(BackendError):
        backend.infer(canvas[:, :64])
    assert len(backend.infer(canvas)) == 12


def test_a_crash_while_it_works_is_an_error(isolation: Isolation, canvas: Canvas) -> None:
    backend = isolation.load()
    child = only_child()
    child.send_signal(signal.SIGSEGV)
    wait_for(lambda: child.status() == psutil.STATUS_ZOMBIE, what="its end")
    with pytest.raises(BackendError, match="its process was ended by SIGSEGV"):
        backend.infer(canvas)


def test_a_crash_while_it_loads_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="its process was ended by SIGSEGV"):
        Isolation("tvm", library(tmp_path, CRASHES), 1).load()


def test_what_hangs_is_ended_from_outside(tmp_path: Path) -> None:
    isolation = Isolation("tvm", library(tmp_path, HANGS), 1)
    said: list[str] = []

    def load() -> None:
        try:
            isolation.load()
        except BackendError as error:
            said.append(str(error))

    thread = Thread(target=load)
    thread.start()
    wait_for(lambda: any("isolated" in " ".join(each.cmdline()) for each in psutil.Process().children()), what="it")
    time.sleep(1)
    assert thread.is_alive()
    isolation.abort()
    thread.join(HUNG_S)
    assert said == ["its process was ended by SIGKILL"]


def test_it_ends_when_whoever_started_it_is_gone(artifacts: Artifacts) -> None:
    code = (
        "import sys, os, pathlib\n"
        "from detector.isolating import Isolation\n"
        "backend = Isolation('tvm', pathlib.Path(sys.argv[1]), 1).load()\n"
        "print(backend._process.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    command = [sys.executable, "-c", code, str(artifacts.library(cpu_name()))]
    done = subprocess.run(command, capture_output=True, text=True)
    pid = int(done.stdout)

    def gone() -> bool:
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        return True

    wait_for(gone, "the end of the process")


def test_a_backend_that_crashes_when_it_is_measured_costs_only_its_own_row(
    tmp_path: Path, artifacts: Artifacts
) -> None:
    files = {"onnxruntime": artifacts.static_model, "tvm": library(tmp_path, CRASHES)}

    choice = measure(files, SIZE, 1, check_photo(MODELS))

    assert choice.chosen == "onnxruntime"
    assert choice.ranked == ("onnxruntime",)
    assert str(choice).endswith("tvm not usable (its process was ended by SIGSEGV)")


def test_a_backend_without_its_file_says_so(tmp_path: Path, artifacts: Artifacts) -> None:
    files = {"onnxruntime": artifacts.static_model, "tvm": tmp_path / "nothing.so"}

    choice = measure(files, SIZE, 1, check_photo(MODELS))

    assert str(choice).endswith("tvm not usable (not made for this host)")
