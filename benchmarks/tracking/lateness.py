"""Hold the tracker against itself: what does it lose when each detection arrives frames after its own?

Judged are the frames from the first late answer on. Before it nobody can be known who is told of faces by detections
alone: of a clip of eight seconds that is a twentieth and more, of a camera that runs for months nothing. What the
whole clip loses is said beside it, and how much of either whoever is perfect otherwise would lose too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.tracking.clips import Boxed, Clip, load_clip
from benchmarks.tracking.judging import known
from benchmarks.tracking.scoring import score

PERFECT = 100.0


@dataclass(frozen=True, slots=True)
class Lateness:
    """HOTA on a clip, and how much of it is lost when detections are late.

    Args:
        clip: its name.
        in_time: from the first late answer on, with detections that arrive in their own frame.
        late: the same with late ones.
        lost: the difference.
        lost_by_all: what whoever knows all that can be known loses.
        lost_whole: the difference over the whole clip.
        lost_whole_by_all: and of it, what whoever knows all that can be known loses.
    """

    clip: str
    in_time: float
    late: float
    lost: float
    lost_by_all: float
    lost_whole: float
    lost_whole_by_all: float


def lateness(name: str, folders: Sequence[Path], in_time: Sequence[Boxed], late: Sequence[Boxed], by: int) -> Lateness:
    """Compare the tracks of the seeds of a clip.

    Args:
        name: of the clip.
        folders: a seed each.
        in_time: the tracks with detections in time.
        late: the tracks with detections that came `by` frames after their own.
        by: how many.

    Raises:
        VenvError: TrackEval cannot be had.
    """
    clips = [load_clip(folder) for folder in folders]
    perfect = [known(clip.truth, by, round(clip.fps)) for clip in clips]
    whole = [_hota(clips, tracks, 0) for tracks in (in_time, late, perfect)]
    since = [_hota(clips, tracks, by) for tracks in (in_time, late, perfect)]
    figures = (*since[:2], since[0] - since[1], PERFECT - since[2], whole[0] - whole[1], PERFECT - whole[2])
    return Lateness(name, *(round(each, 2) for each in figures))


def table(found: Sequence[Lateness], by: int) -> str:
    """Return the figures for people."""
    lines = [
        f"HOTA, detections {by} frames late, from the first late answer on; (lost by whoever is perfect otherwise)",
        f"{'clip':22}{'in time':>9}{'late':>9}{'lost':>7}{'':9}{'lost, whole clip':>17}",
    ]
    for each in found:
        lost = f"{each.lost:7.2f}{f'({each.lost_by_all:.2f})':>9}"
        whole = f"{each.lost_whole:9.2f}{f'({each.lost_whole_by_all:.2f})':>9}"
        lines.append(f"{each.clip[:21]:22}{each.in_time:9.2f}{each.late:9.2f}{lost}{whole}")
    return "\n".join(lines)


def _hota(clips: Sequence[Clip], tracks: Sequence[Boxed], since: int) -> float:
    pairs = [
        (replace(clip, truth=_since(clip.truth, since)), _since(boxes, since))
        for clip, boxes in zip(clips, tracks, strict=True)
    ]
    return float(np.mean([found.hota for found in score(pairs)]))


def _since(boxes: Boxed, frame: int) -> Boxed:
    return boxes.chosen(boxes.frame >= frame)
