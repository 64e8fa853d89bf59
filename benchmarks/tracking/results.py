"""What a run found out: the table for people, and the targets."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.rows.report import Target
from benchmarks.tracking.lateness import Lateness
from benchmarks.tracking.scoring import Scores

Milliseconds = NDArray[np.float64]
"""Of every frame of a clip, (N,)."""

OURS = "flow"
METRICS = ("hota", "idf1", "mota")
NO_SWITCHES = ("slow", "crossing", "leave")
HOTA_AT_LEAST = {"slow": 90.0, "fast": 85.0}
LATE_COSTS_AT_MOST = 5.0
MS_AT_MOST = {5: 1.5, 20: 4.0}
FASTER_THAN_KCF = 15.0


@dataclass(frozen=True, slots=True)
class Row:
    """A method on a clip; scores are means over the seeds, ID switches are summed up.

    `ghost_s` is how long boxes without any face were shown; None where it is not measured, on composed clips.
    """

    clip: str
    method: str
    hota: float
    idf1: float
    mota: float
    id_switches: int
    ms_per_frame: float
    ghost_s: float | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What a frame costs with so many faces."""

    method: str
    faces: int
    ms_per_frame: float


def row(clip: str, method: str, found: Sequence[Scores], spent_ms: Sequence[Milliseconds], every: int) -> Row:
    """Sum up the seeds of a clip.

    Args:
        clip: its name.
        method: who was led through it.
        found: a seed each.
        spent_ms: milliseconds of every frame, a seed each.
        every: frames from one detection to the next.
    """
    hota, idf1, mota = (round(float(np.mean([getattr(each, name) for each in found])), 2) for name in METRICS)
    return Row(clip, method, hota, idf1, mota, sum(each.id_switches for each in found), ms_per_frame(spent_ms, every))


def ms_per_frame(spent_ms: Sequence[Milliseconds], every: int) -> float:
    """Return the median, over the stretches from one detection to the next, of the mean time of their frames."""
    means = [each[: len(each) // every * every].reshape(-1, every).mean(axis=1) for each in spent_ms]
    return round(float(np.median(np.concatenate(means))), 4)


def table(rows: Sequence[Row], problems: dict[str, str]) -> str:
    """Return the rows for people, and why methods are missing."""
    lines = [f"{'clip':22}{'method':12}{'HOTA':>8}{'IDF1':>8}{'MOTA':>8}{'switches':>10}{'ghost s':>9}{'ms/frame':>10}"]
    for each in rows:
        scores = f"{each.hota:8.1f}{each.idf1:8.1f}{each.mota:8.1f}{each.id_switches:10}"
        ghosts = "-" if each.ghost_s is None else f"{each.ghost_s:.2f}"
        lines.append(f"{each.clip[:21]:22}{each.method:12}{scores}{ghosts:>9}{each.ms_per_frame:10.3f}")
    return "\n".join([*lines, *(f"no figures for {method}: {problem}" for method, problem in problems.items())])


def targets(rows: Sequence[Row], late: Sequence[Lateness], costs: Sequence[Cost]) -> list[Target]:
    """Hold a run against what the tracker is meant to reach; what was not asked for is not listed."""
    ours = {each.clip: each for each in rows if each.method == OURS}
    found = [target for clip, mine in ours.items() for target in _of_clip(mine, [r for r in rows if r.clip == clip])]
    for each in late:
        for name, lost in (("lost to late", each.lost), ("lost, whole clip", each.lost_whole)):
            found.append(Target(f"{each.clip}: HOTA {name}", lost, "<=", LATE_COSTS_AT_MOST))
    return found + _of_costs({(each.method, each.faces): each.ms_per_frame for each in costs})


def _of_clip(mine: Row, rows: Sequence[Row]) -> list[Target]:
    clip = mine.clip[:20]
    found = []
    if mine.clip in HOTA_AT_LEAST:
        found.append(Target(f"{clip}: HOTA", mine.hota, ">=", HOTA_AT_LEAST[mine.clip]))
    if mine.clip in NO_SWITCHES:
        found.append(Target(f"{clip}: ID switches", mine.id_switches, "<=", 0))
    if mine.ghost_s is not None:
        found.append(Target(f"{clip}: ghost seconds", mine.ghost_s, "<=", 0))
    others = [each for each in rows if each.method != OURS]
    if others:
        for name in ("hota", "idf1"):
            best = max(others, key=lambda each: float(getattr(each, name)))
            label = f"{clip}: {name.upper()} over {best.method}"
            found.append(Target(label, round(getattr(mine, name) - getattr(best, name), 2), ">=", 0))
    return found


def _of_costs(ms: dict[tuple[str, int], float]) -> list[Target]:
    if not ms:
        return []
    few, many = MS_AT_MOST
    mine = {faces: ms.get((OURS, faces), math.nan) for faces in MS_AT_MOST}
    found = [Target(f"ms per frame, {faces} faces", mine[faces], "<=", limit) for faces, limit in MS_AT_MOST.items()]
    return [
        *found,
        Target(f"time for {many} faces / for {few}", mine[many] / mine[few], "<=", many / few),
        Target(f"kcf / {OURS}, per face", ms.get(("kcf", few), math.nan) / mine[few], ">=", FASTER_THAN_KCF),
    ]
