"""One file carries a network of ncnn's; what spoils it is noticed, and pictures of any size fit."""

from contextlib import suppress
from pathlib import Path

import pytest
from detector.ncnn_net import LAYERS, WEIGHTS, NetFileError, any_size, pack, unpack
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TEXT = "7767517\n2 2\nInput in0 0 1 in0\n"
WEIGHT_BYTES = bytes(range(256)) * 4


@pytest.fixture
def net(tmp_path: Path) -> Path:
    pack(TEXT, WEIGHT_BYTES, tmp_path / "net.ncnn")
    return tmp_path / "net.ncnn"


def contents(net: Path, folder: Path) -> tuple[str, bytes]:
    layers, weights = unpack(net, folder)
    return layers.read_text(), weights.read_bytes()


def test_what_is_packed_is_unpacked(net: Path, tmp_path: Path) -> None:
    assert contents(net, tmp_path / "out") == (TEXT, WEIGHT_BYTES)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted((LAYERS, WEIGHTS))


def test_nothing_half_done_stays_behind(net: Path, tmp_path: Path) -> None:
    assert list(tmp_path.iterdir()) == [net]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_no_flipped_bit_reaches_ncnn(net: Path, tmp_path: Path, at: float, bit: int) -> None:
    spoiled = bytearray(net.read_bytes())
    spoiled[int(at * len(spoiled))] ^= 1 << bit
    path = tmp_path / "spoiled.ncnn"
    path.write_bytes(spoiled)
    # Some bits, such as those of the time, say nothing about the contents.
    with suppress(NetFileError):
        assert contents(path, tmp_path / "out") == (TEXT, WEIGHT_BYTES)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(part=st.floats(0, 1, exclude_max=True))
def test_a_torn_file_is_noticed(net: Path, tmp_path: Path, part: float) -> None:
    path = tmp_path / "torn.ncnn"
    path.write_bytes(net.read_bytes()[: int(part * net.stat().st_size)])
    with pytest.raises(NetFileError, match=r"torn\.ncnn"):
        unpack(path, tmp_path / "out")


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(NetFileError, match=r"none\.ncnn"):
        unpack(tmp_path / "none.ncnn", tmp_path)


def test_only_heights_of_matrices_are_left_to_be_counted() -> None:
    before = (
        "Convolution conv 1 1 a b 0=16 1=3 11=3 12=1 13=2\n"
        "Reshape one 1 1 b c 0=1 1=1280\n"
        "Reshape two 1 1 c out0 0=10 1=80\n"
        "Reshape flat 1 1 d e 0=1280\n"
        "Reshape cube 1 1 e f 0=40 1=32 2=16\n"
    )
    after = before.replace("1=1280", "1=-1").replace("1=80\n", "1=-1\n")
    assert any_size(before) == after
