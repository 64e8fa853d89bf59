"""What is asked of the CPU that the detector runs on."""

from pathlib import Path

import pytest
from detector.host import has_half_arithmetic

PI_4 = "processor\t: 0\nFeatures\t: fp asimd evtstrm crc32 cpuid\nCPU part\t: 0xd08\n"
PI_5 = (
    "processor\t: 0\nFeatures\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc\n"
)
PC = "processor\t: 0\nflags\t\t: fpu f16c avx2 avx512f avx512_bf16\n"
SERVER = "processor\t: 0\nflags\t\t: fpu f16c avx2 avx512f avx512_fp16 amx_tile\n"


@pytest.mark.parametrize(("cpuinfo", "has"), [(PI_4, False), (PI_5, True), (PC, False), (SERVER, True), ("", False)])
def test_arithmetic_in_half_precision_is_known(cpuinfo: str, has: bool, tmp_path: Path) -> None:  # noqa: FBT001
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    assert has_half_arithmetic(tmp_path / "cpuinfo") is has


def test_an_unreadable_host_has_none(tmp_path: Path) -> None:
    assert not has_half_arithmetic(tmp_path / "missing")
