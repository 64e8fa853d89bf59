"""Hold ways to follow faces side by side: who keeps whom, and what it costs.

All get the same frames and the same detections, on every fifth frame. Of each, those tracks are judged that it
itself would show: ours are confirmed, coasting, or likely; the others' have passed their own probation, which is set to
one detection; everybody keeps a face unseen for a second. True faces count where at least a
quarter of them is visible (`benchmarks.tracking.judging`). Time is the processor's, of all threads, without
reading the video: of every five frames from one detection to the next the mean, and of these the median.
On real clips, ghost seconds are how long boxes were shown that overlap no face of any score from 0.3 on, of all that
the detector finds in each frame at several sizes, as it is and mirrored.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks.rows.pipe import ROOT
from benchmarks.rows.report import verdicts
from benchmarks.rows.venvs import VenvError
from benchmarks.tracking.clips import Boxed, load_clip
from benchmarks.tracking.dense import dense
from benchmarks.tracking.ghosts import ghost_seconds
from benchmarks.tracking.keeping import DETECT_EVERY, ClipError, composed, composed_for_cost, real
from benchmarks.tracking.lateness import Lateness, lateness
from benchmarks.tracking.lateness import table as lateness_table
from benchmarks.tracking.methods import METHODS, MethodError, Played, play
from benchmarks.tracking.results import OURS, Cost, Milliseconds, Row, ms_per_frame, row, table, targets
from benchmarks.tracking.scenes import COST_SECONDS, SCENES, Lots, crowd
from benchmarks.tracking.scoring import score

MEDIA = ROOT.parent / "shared" / "media"
REAL = (
    "head-pose-face-detection-female-and-male.gif",
    "classroom.gif",
    "store-aisle-detection.gif",
    "brother.mkv",
    "help.mkv",
    "yes.mkv",
    "people-at-a-table.mp4",
)
LATE_FRAMES = 10
COST_FACES = (5, 20)
COST_ROUNDS = 3

Clips = dict[str, list[Path]]
"""The folders of each clip, one a seed."""
Faces = dict[str, Boxed]
"""All faces of each real clip."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What to measure."""

    clips: tuple[str, ...]
    videos: tuple[Path, ...]
    seeds: int
    methods: tuple[str, ...]
    late: int
    cost: bool
    whole: bool


def clips_of(asked: Asked) -> Clips:
    """Make the clips that are wanted, or find them made.

    Raises:
        ClipError: a video cannot be read.
    """
    found: Clips = {name: [composed(SCENES[name](seed), seed) for seed in range(asked.seeds)] for name in asked.clips}
    for video in asked.videos:
        found[video.stem] = [real(video)]
    return found


def measure(method: str, clips: Clips, faces: Faces, late: int) -> list[Row]:
    """Lead a method through all clips and score it.

    Raises:
        VenvError: an environment cannot be made.
        MethodError: the method failed.
    """
    print(f"bench: {method}", file=sys.stderr, flush=True)
    folders = [folder for each in clips.values() for folder in each]
    played = dict(zip(folders, play(method, folders, late), strict=True))
    scores = dict(zip(folders, score([(load_clip(each), played[each].tracks) for each in folders]), strict=True))
    rows = [
        row(name, method, [scores[each] for each in these], [played[each].spent_ms for each in these], DETECT_EVERY)
        for name, these in clips.items()
    ]
    return [_with_ghosts(each, clips, faces, played) for each in rows]


def _with_ghosts(found: Row, clips: Clips, faces: Faces, played: dict[Path, Played]) -> Row:
    if found.clip not in faces:
        return found
    (folder,) = clips[found.clip]
    ghost_s = ghost_seconds(played[folder].tracks, faces[found.clip], load_clip(folder).fps)
    return replace(found, ghost_s=ghost_s)


def costs(methods: Sequence[str]) -> list[Cost]:
    """Time methods in turns on faces that are all given to them; for KCF a few are enough.

    Raises:
        VenvError: an environment cannot be made.
        MethodError: a method failed.
    """
    clips = {count: composed_for_cost(crowd(Lots(count), f"{count}faces", count, COST_SECONDS)) for count in COST_FACES}
    spent_ms: dict[tuple[str, int], list[Milliseconds]] = {}
    for _ in range(COST_ROUNDS):
        for method in methods:
            counts = COST_FACES[:1] if method == "kcf" else COST_FACES
            for count, played in zip(counts, play(method, [clips[each] for each in counts]), strict=True):
                spent_ms.setdefault((method, count), []).append(played.spent_ms)
    return [Cost(method, count, ms_per_frame(each, DETECT_EVERY)) for (method, count), each in spent_ms.items()]


def lateness_of(clips: Clips) -> list[Lateness]:
    """Lead our own tracker through the clips with detections in time and late, and compare.

    Raises:
        VenvError: an environment cannot be made.
        MethodError: the tracker failed.
    """
    print(f"bench: {OURS}, in time and {LATE_FRAMES} frames late", file=sys.stderr, flush=True)
    found = []
    for name, folders in clips.items():
        in_time, late = ([each.tracks for each in play(OURS, folders, by)] for by in (0, LATE_FRAMES))
        found.append(lateness(name, folders, in_time, late, LATE_FRAMES))
    return found


def _asked() -> Asked:
    parser = argparse.ArgumentParser(prog="scripts/bench tracker", description=__doc__)
    parser.add_argument("--clips", default=None, help=f"composed clips, of {','.join(SCENES)} (default all)")
    parser.add_argument("--clip", type=Path, nargs="+", default=[], metavar="FILE", help="videos instead")
    parser.add_argument("--seeds", type=int, default=3, help="of every composed clip (default 3)")
    parser.add_argument("--methods", default=",".join(METHODS), help=f"of {','.join(METHODS)} (default all)")
    parser.add_argument("--late", type=int, default=0, help="frames that detections arrive after their own (default 0)")
    parser.add_argument("--cost", action="store_true", help="time 5 and 20 faces too (without --clips it always is)")
    asked = parser.parse_args()
    whole = asked.clips is None and not asked.clip
    names = tuple(SCENES if whole else filter(None, (asked.clips or "").split(",")))
    methods = tuple(asked.methods.split(","))
    for wrong in (*(set(names) - set(SCENES)), *(set(methods) - set(METHODS))):
        parser.error(f"'{wrong}' is unknown; clips: {', '.join(SCENES)}; methods: {', '.join(METHODS)}")
    if asked.seeds < 1 or asked.late < 0:
        parser.error("--seeds is 1 or more, --late is 0 or more")
    videos = tuple(asked.clip) or (_real() if whole else ())
    return Asked(names, videos, asked.seeds, methods, asked.late, asked.cost or whole, whole)


def _real() -> tuple[Path, ...]:
    """Return the real clips that are there."""
    for name in REAL:
        if not (MEDIA / name).is_file():
            print(f"bench: {MEDIA / name} is not there, and left out", file=sys.stderr)
    return tuple(MEDIA / name for name in REAL if (MEDIA / name).is_file())


def main() -> None:
    """Measure; print the table, the targets, and all figures as JSON."""
    asked = _asked()
    try:
        clips = clips_of(asked)
        faces = {video.stem: dense(video) for video in asked.videos}
    except ClipError as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(2)
    rows: list[Row] = []
    late: list[Lateness] = []
    problems: dict[str, str] = {}
    for method in asked.methods:
        try:
            rows += measure(method, clips, faces, asked.late) if clips else []
            if asked.whole and method == OURS and not asked.late:
                late = lateness_of({name: clips[name] for name in asked.clips})
        except (VenvError, MethodError) as error:
            problems[method] = str(error)
    timed = [each for each in (OURS, "kcf") if asked.cost and each in asked.methods and each not in problems]
    cost = costs(timed)
    if not rows and not cost:
        sys.exit(f"bench: nothing could be measured: {problems}")
    order = list(clips)
    rows.sort(key=lambda each: order.index(each.clip))
    print(f"\n{table(rows, problems)}\n")
    if late:
        print(f"{OURS}, {lateness_table(late, LATE_FRAMES)}\n")
    print(f"{verdicts(targets(rows, late, cost))}\n")
    lists = {name: [asdict(each) for each in these] for name, these in (("rows", rows), ("late", late), ("cost", cost))}
    print(json.dumps(lists | {"problems": problems}))


if __name__ == "__main__":
    main()
