"""The table that people read, the targets, and the last line that programs read."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

LEAST_SHARE = {"avx2": 0.7}
"""Share of the measured peak to reach, by instruction set: AVX2 has half as many registers as others."""
LEAST_SHARE_ELSEWHERE = 0.75


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Args:
        name: what ran the network.
        model: the network.
        input: its size.
        threads: how many an inference used.
        median_ms: of all runs; None where there were none.
        p90_ms: nine in ten were faster.
        max_abs_error: largest difference from the reference's outputs.
        problem: why there are no figures.
        note: what the reader should know; it is not for programs.
    """

    name: str
    model: str
    input: str
    threads: int
    median_ms: float | None = None
    p90_ms: float | None = None
    max_abs_error: float | None = None
    problem: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """All that one run found out; the names are those of the last line."""

    rows: tuple[Row, ...]
    chosen: str
    instruction_set: str
    peak_gflops: float
    achieved_gflops: float
    step_over_net: float
    peak_rss_mb: float
    first_faces_s: float

    def median_ms(self, name: str, threads: int) -> float:
        """Return a row's median, NaN where it has none."""
        found = (row.median_ms for row in self.rows if (row.name, row.threads) == (name, threads))
        return next((each for each in found if each is not None), math.nan)


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure is meant to reach."""

    name: str
    value: float
    sign: str
    target: float

    @property
    def verdict(self) -> str:
        """Say whether it is reached."""
        if math.isnan(self.value):
            return "not measured"
        reached = self.value <= self.target if self.sign == "<=" else self.value >= self.target
        return "ok" if reached else "MISSED"


def targets(figures: Figures, threads: Sequence[int]) -> list[Target]:
    """Hold a run against what the detector is meant to reach."""
    found = []
    for count in threads:
        tvm_ms = figures.median_ms("tvm", count)
        for other, ratio in (("onnxruntime", 0.9), ("opencv", 0.4), ("ncnn-cpu", 1.0)):
            name = f"tvm / {other}, {count} thread{'s' if count > 1 else ''}"
            found.append(Target(name, tvm_ms / figures.median_ms(other, count), "<=", ratio))
    faster = figures.median_ms("pytorch-eager", 1) / figures.median_ms(figures.chosen, 1)
    return [
        *found,
        Target("pytorch-eager / chosen, 1 thread", faster, ">=", 25),
        Target(
            "achieved / peak GFLOP/s, 1 thread",
            figures.achieved_gflops / figures.peak_gflops,
            ">=",
            LEAST_SHARE.get(figures.instruction_set, LEAST_SHARE_ELSEWHERE),
        ),
        Target("step over net", figures.step_over_net, "<=", 1.4),
        Target("peak memory, MB", figures.peak_rss_mb, "<=", 150),
        Target("start to first faces, s", figures.first_faces_s, "<=", 2),
    ]


def table(rows: Sequence[Row]) -> str:
    """Return the rows for people."""
    lines = [f"{'name':18}{'model':31}{'input':>8}{'threads':>8}{'median ms':>11}{'p90 ms':>9}{'max error':>11}"]
    for row in rows:
        start = f"{row.name:18}{row.model:31}{row.input:>8}{row.threads:>8}"
        if row.median_ms is None:
            lines.append(f"{start}{'-':>11}{'-':>9}{'-':>11}  {row.problem}")
        else:
            error = "-" if row.max_abs_error is None else f"{row.max_abs_error:.2g}"
            lines.append(f"{start}{row.median_ms:11.3f}{row.p90_ms:9.3f}{error:>11}  {row.note}".rstrip())
    return "\n".join(lines)


def verdicts(found: Sequence[Target]) -> str:
    """Return the targets for people."""
    lines = [f"{'target':36}{'measured':>10}   {'wanted':10}"]
    lines += [f"{each.name:36}{each.value:10.3f}   {each.sign} {each.target:<7} {each.verdict}" for each in found]
    return "\n".join(lines)


def for_programs(figures: Figures) -> dict[str, Any]:
    """Return the last line: a row without figures says why, the others have no such key."""
    rows = []
    for row in figures.rows:
        fields = asdict(row)
        del fields["note"]
        if not row.problem:
            del fields["problem"]
        rows.append(fields)
    return asdict(figures) | {"rows": rows}
