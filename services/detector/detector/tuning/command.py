"""`python -m detector tune`: what the operator says and reads."""

import argparse
import signal
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from threading import Event

import onnx
from google.protobuf.message import DecodeError

from detector import compiling, records, sealing
from detector.artifacts import HASH_LETTERS, Artifacts
from detector.host import cpu_name
from detector.preparation import PreparationError, run_step
from detector.tuning.table import table, whole_network
from detector.tuning.targets import TargetError, Tuned, tuned_for
from detector.tuning.tuner import Places, Work, tune, works_of
from facewire.settings import stop_operator

INTERRUPTED = 128 + signal.SIGINT
YUNET = "yunet"


def run(asked: argparse.Namespace, artifacts: Artifacts) -> int:
    """Tune, and print what it brings.

    Returns:
        The exit code.
    """
    stop = Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    load = _loader(asked.model, artifacts)
    try:
        tuned = tuned_for(asked.target, artifacts.threads)
    except TargetError as error:
        stop_operator(str(error))
    places = _places(asked.output, tuned, artifacts)
    if tuned.note:
        _say(tuned.note)
    works = works_of(load(), tuned)
    _say(f"{len(works)} tasks for {tuned.kind}, {artifacts.threads} thread(s); records go to {places.records}")
    try:
        if asked.trials:
            tune(works, tuned, asked.trials, places, _say, stop)
    except KeyboardInterrupt:
        _say("interrupted; what was measured is kept, and the same call goes on from here")
        return INTERRUPTED
    except records.RecordError as error:
        stop_operator(str(error))
    _show(works, load, tuned, places, artifacts)
    return 0


def _show(
    works: list[Work], load: Callable[[], onnx.ModelProto], tuned: Tuned, places: Places, artifacts: Artifacts
) -> None:
    shipped = records.SHIPPED / f"{tuned.kind}.json"
    paths = [path for path in (shipped, places.records) if path.exists()]
    found = records.applying(paths, tuned.kind, artifacts.threads)
    for complaint in found.complaints:
        _say(complaint)
    for line in table(works, found.records):
        print(line)  # noqa: T201  the table is for a terminal
    if found.records:
        whole = whole_network(load, tuned, found.records)
        gain = 1 - whole.new_ms / whole.old_ms
        print(f"whole network: {whole.old_ms:.3f} ms by rule, {whole.new_ms:.3f} ms with records ({gain:.1%} less)")  # noqa: T201


def _places(output: Path | None, tuned: Tuned, artifacts: Artifacts) -> Places:
    """Return where files go; the journal's name has the rules, the clock and the compiler that its times depend on."""
    folders = (Path(compiling.__file__).parent, Path(__file__).parent)
    code = records.fingerprint([source for folder in folders for source in sorted(folder.glob("*.py"))])[:HASH_LETTERS]
    stem = f"{tuned.kind}-{cpu_name()}-{code}-tvm{version('apache-tvm')}-{artifacts.threads}t"
    kept = artifacts.cache / records.OWN / "measured"
    own = records.own_file(artifacts.cache, tuned.kind, cpu_name())
    path = own if output is None else output / f"{tuned.kind}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        kept.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        stop_operator(f"{path.parent}: cannot be written ({error.strerror}); name a folder that this user may write to")
    return Places(path, kept / f"{stem}.jsonl", kept / stem)


def _loader(model: str, artifacts: Artifacts) -> Callable[[], onnx.ModelProto]:
    """Return what reads the model; one that cannot be read or tuned is the operator's to mend."""
    if model == YUNET:
        if not sealing.is_intact(artifacts.static_model):
            try:
                run_step("static")
            except PreparationError as error:
                stop_operator(str(error))
        return lambda: onnx.load(artifacts.static_model)
    try:
        sides = [side.dim_value for side in onnx.load(model).graph.input[0].type.tensor_type.shape.dim]
    except (OSError, ValueError, DecodeError, IndexError) as error:
        stop_operator(
            f"--model {model}: is no readable ONNX ({' '.join(str(error).split())[:80]}); name such a file, or {YUNET}"
        )
    if len(sides) != 4 or sides[:2] != [1, 3] or 0 in sides:
        stop_operator(
            f"--model {model}: its input is {sides}, and must be a picture of fixed size, (1, 3, height, width)"
        )
    return lambda: onnx.load(model)


def _say(text: str) -> None:
    print(f"tune: {text}", file=sys.stderr, flush=True)  # noqa: T201  speaks to a terminal
