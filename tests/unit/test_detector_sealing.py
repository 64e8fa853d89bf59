"""A file that is not what was written is known."""

from pathlib import Path

import pytest
from detector.sealing import is_intact, remove, seal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "library.so"
    path.write_bytes(b"machine code")
    seal(path)
    return path


def test_a_file_as_it_was_sealed_is_intact(path: Path) -> None:
    assert is_intact(path)


@pytest.mark.parametrize("content", [b"", b"machine cod", b"machine codf"])
def test_a_spoiled_file_is_not(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert not is_intact(path)


@pytest.mark.parametrize("seal_content", [b"", b"\xff\xfe"])
def test_nor_is_one_whose_seal_is_spoiled(path: Path, seal_content: bytes) -> None:
    path.with_name("library.so.sha256").write_bytes(seal_content)
    assert not is_intact(path)


def test_nor_is_one_that_is_not_there_or_was_never_sealed(path: Path) -> None:
    remove(path)
    assert not is_intact(path)
    path.write_bytes(b"machine code")
    assert not is_intact(path)
    remove(path)
    remove(path)
