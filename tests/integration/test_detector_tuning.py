"""Tuning as the operator runs it: a process on a small network, interrupted and taken up again; records are applied."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from detector.geometry import InputSize
from detector.host import cpu_name
from detector.records import SHIPPED, Record, applying, own_file, read, write

from tests.integration.making import artifacts_in, make
from tests.integration.tiny_network import save_network, save_three_convolutions
from tests.places import MODELS, ROOT

# Sums of a few hundred products, in another order.
CLOSE = 1e-5
SIZE = InputSize(64, 64)
KIND_OF_THIS_HOST = """
from detector.compiling.compilation import host_kind
print(host_kind())
"""


def tuning(cache: Path, model: Path, trials: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "detector", "tune", "--model", str(model), "--trials", str(trials)]
    environment = os.environ | {"MODELS_DIR": str(MODELS), "CACHE_DIR": str(cache)}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def measured(cache: Path) -> list[str]:
    """Return what stands in the journal: task and tiles of each candidate, and which tasks are done."""
    lines = [line for path in cache.glob("tuning/measured/*.jsonl") for line in path.read_text().splitlines()]
    return [f"{each['task']} {each.get('tiles')}" for each in map(json.loads, lines)]


def concluded(cache: Path) -> set[str]:
    """Return the tasks whose search ended."""
    lines = [line for path in cache.glob("tuning/measured/*.jsonl") for line in path.read_text().splitlines()]
    return {each["task"] for each in map(json.loads, lines) if "trials" in each}


def searched(cache: Path) -> list[str]:
    """Return the candidates that MetaSchedule measured, a line each."""
    (database,) = cache.glob("tuning/measured/*/database_tuning_record.json")
    return database.read_text().splitlines()


def read_all(own: Path) -> list[Record]:
    """Return the records that apply to one thread: shipped ones, and a host's own."""
    kind = own.name.split("-")[0]
    files = [file for file in (SHIPPED / f"{kind}.json", own) if file.exists()]
    return list(applying(files, kind, 1).records.values())


def test_tuning_is_interrupted_and_goes_on_where_it_was(tmp_path: Path) -> None:
    model, cache = tmp_path / "three.onnx", tmp_path / "cache"
    save_three_convolutions(model)
    first = tuning(cache, model, 2)
    while first.poll() is None and not measured(cache):
        time.sleep(0.02)
    first.send_signal(signal.SIGINT)
    _, said = first.communicate(timeout=280)
    assert (first.returncode, "the same call goes on" in said) == (128 + signal.SIGINT, True), said[-2000:]
    kept = measured(cache)
    second = tuning(cache, model, 2)
    table, said = second.communicate(timeout=280)
    assert second.returncode == 0, said[-2000:]
    assert f"{len(kept)} candidates of rules were measured before" in said
    assert measured(cache)[: len(kept)] == kept
    assert len(set(measured(cache))) == len(measured(cache))
    (file,) = cache.glob("tuning/*.json")
    records = read(file, file.name.split("-")[0])
    # Whether a search beats TVM's own loops depends on the host; that it was made and kept does not.
    assert [task.split()[0] for task in concluded(cache)].count("searched") == 1
    assert len(concluded(cache)) == 3
    assert len(searched(cache)) == 2
    assert {record.task for record in records} <= concluded(cache)
    assert all(record.record_ms < record.rule_ms for record in records)
    assert f"{len(records)} of 3 tasks have a record" in table
    assert ("whole network: " in table) == any(read_all(file))


def test_any_tiles_that_a_rule_can_do_compute_the_same(tmp_path: Path) -> None:
    save_network(tmp_path / "tiny.onnx")
    command = [sys.executable, "-m", "tests.integration.tiles", str(tmp_path / "tiny.onnx")]
    environment = os.environ | {"TVM_NUM_THREADS": "2", "TVM_BIND_THREADS": "0"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found["errors"]) >= 3
    assert {case: error for case, error in found["errors"].items() if error > CLOSE} == {}
    # Each of the network's convolutions but the one in groups, whatever its channels and sides.
    assert {len(tasks) for tasks in found["served"].values()} == {9}


def test_records_are_applied_and_name_the_library(tmp_path: Path) -> None:
    artifacts, cpu = artifacts_in(tmp_path, SIZE), cpu_name()
    make(artifacts, "static")
    make(artifacts, "compile")
    by_rule = artifacts.library(cpu)
    asked = subprocess.run([sys.executable, "-c", KIND_OF_THIS_HOST], capture_output=True, text=True, check=True)
    kind = asked.stdout.strip()
    lanes = {"avx512f": 16, "avx2": 8}.get(kind, 4)
    tiles = {"product": (1, lanes), "depthwise": (1, lanes), "strips": (1,)}
    file = own_file(artifacts.cache, kind, cpu)
    write(file, kind, [Record("separable 8x8x64 64 relu", 1, 1.0, 0.5, tiles)])
    recorded = artifacts.library(cpu)
    assert recorded != by_rule
    make(artifacts, "compile")
    assert recorded.read_bytes() != by_rule.read_bytes()
    assert list(applying([file], kind, 1).records) == ["separable 8x8x64 64 relu"]
