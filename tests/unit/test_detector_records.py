"""Records of tuning: kept sorted and whole, told apart from what is damaged or for something else."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from detector.artifacts import Artifacts
from detector.geometry import InputSize
from detector.records import KINDS, SHIPPED, Record, RecordError, applying, merged, own_file, read, write
from detector.shipping import take_shipped

from tests import processes
from tests.places import MODELS
from tests.servers import HUNG_S

ONE = Record("separable 8x8x16 16", 1, 2.0, 1.5, {"product": (4, 16), "strips": (1,)})
TWO = Record("convolution 1x1", 2, 0.2, 0.1, {"tile": (1, 2, 8)})
FOUND = Record("searched 1x8", 1, 0.3, 0.1, trace=[[["GetSBlock", [], ["b", "main"], ["b0"]]], []])


def test_what_is_written_is_read_again_in_order(tmp_path: Path) -> None:
    file = tmp_path / "new" / "avx2.json"
    write(file, "avx2", [ONE, TWO, FOUND])
    assert read(file, "avx2") == (TWO, FOUND, ONE)
    assert [path.name for path in file.parent.iterdir()] == ["avx2.json"]


def test_the_newer_record_of_a_task_is_kept() -> None:
    better = Record(ONE.task, 1, 2.0, 1.0, {"product": (2, 16), "strips": (1,)})
    assert merged([ONE, TWO], [better]) == (better, TWO)
    assert merged([ONE], [Record(ONE.task, 2, 2.0, 1.0, ONE.tiles)])[0] == ONE


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda text: text.replace("1.5", "1.4"), "is damaged or was edited"),
        (lambda text: text[:-40], "is no file of tuning records"),
        (lambda text: text.replace('"format": 1', '"format": 9'), "has format 9"),
        (lambda text: text.replace('"kind": "avx2"', '"kind": "simd128"'), "is for simd128, not avx2"),
        (lambda _: "\0\0", "is no file of tuning records"),
        (lambda text: json.dumps(json.loads(text) | {"more": 1}), "is no file of tuning records"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_what_to_do(
    tmp_path: Path, change: Callable[[str], str], complaint: str
) -> None:
    file = tmp_path / "avx2.json"
    write(file, "avx2", [ONE])
    file.write_text(change(file.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(RecordError, match=complaint) as raised:
        read(file, "avx2")
    assert str(file) in str(raised.value)
    assert "tune again" in str(raised.value)
    assert "\n" not in str(raised.value)
    found = applying([file], "avx2", 1)
    assert (dict(found.records), found.complaints) == ({}, (str(raised.value),))


def test_a_hosts_own_record_wins_over_a_shipped_one_and_threads_are_told_apart(tmp_path: Path) -> None:
    own = Record(ONE.task, 1, 2.0, 1.0, {"product": (2, 16), "strips": (1,)})
    write(tmp_path / "shipped.json", "avx2", [ONE, TWO])
    write(tmp_path / "own.json", "avx2", [own])
    found = applying([tmp_path / "shipped.json", tmp_path / "own.json"], "avx2", 1)
    assert dict(found.records) == {ONE.task: own}


def test_a_library_is_named_by_the_records_that_apply_to_its_host(tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(b"a model")
    artifacts = Artifacts(model, InputSize(64, 64), 1, tmp_path)
    mine, other, shipped = artifacts.library("mine"), artifacts.library("other"), artifacts.shipped("cortex-a76")
    choice = artifacts.choice("mine", ())
    write(own_file(tmp_path, "avx2", "mine"), "avx2", [ONE])
    assert artifacts.library("mine") != mine
    assert artifacts.choice("mine", ()) != choice
    assert artifacts.library("other") == other
    assert artifacts.shipped("cortex-a76") == shipped
    named = Artifacts(model, InputSize(64, 64), 1, tmp_path, own_file(tmp_path, "avx2", "mine"))
    assert named.library("other") != other


def test_a_shipped_library_is_not_taken_where_the_host_was_tuned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(b"a model")
    artifacts = Artifacts(model, InputSize(64, 64), 1, tmp_path)
    monkeypatch.setattr("detector.shipping.cpu_name", lambda: "mine")
    write(own_file(tmp_path, "simd128", "mine"), "simd128", [ONE])
    assert not take_shipped(artifacts, "fp32")


def test_a_damaged_file_that_the_operator_named_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("{}", encoding="utf-8")
    told = processes.environment(
        tmp_path, MODELS_DIR=str(MODELS), CACHE_DIR=str(tmp_path), TUNING_RECORDS=str(tmp_path / "mine.json")
    )
    done = subprocess.run(
        [sys.executable, "-m", "detector", "compile"],
        env=told,
        capture_output=True,
        text=True,
        timeout=HUNG_S,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"facewire: TUNING_RECORDS: {tmp_path / 'mine.json'} is no file of tuning records")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_shipped_records_are_intact(kind: str) -> None:
    # There may be none: where the rules' own tiles are the best that are known.
    records = read(SHIPPED / f"{kind}.json", kind)
    assert all(record.record_ms < record.rule_ms for record in records)
