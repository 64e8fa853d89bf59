"""The tracking bench's own logic: what it judges, how it scores, what it links, and that clips are what they say."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.tracking import scenes, stage
from benchmarks.tracking.clips import Boxed, Clip, Rows, boxed, load_clip, save_clip
from benchmarks.tracking.detecting import Detector
from benchmarks.tracking.judging import judged, known
from benchmarks.tracking.kalman import make
from benchmarks.tracking.lateness import Lateness, lateness
from benchmarks.tracking.linking import linked
from benchmarks.tracking.results import Cost, Row, ms_per_frame, targets
from benchmarks.tracking.roster import pairs
from benchmarks.tracking.running import play
from benchmarks.tracking.scoring import score
from facewire.boxes import iou
from tests.places import MODELS

FRAMES = 40
EVERY = 5


def walk(ident: int, x_px: float, step_px: float = 1.0, share: float = 1.0) -> Rows:
    """Return somebody's boxes in all frames."""
    lefts = [x_px + step_px * frame for frame in range(FRAMES)]
    return [(frame, ident, (left, 100.0, left + 50, 160.0), share) for frame, left in enumerate(lefts)]


def clip_of(truth: Boxed) -> Clip:
    given = truth.frame % EVERY == 0
    detections = Boxed(truth.frame[given], np.full(given.sum(), -1), truth.xyxy[given], np.full(given.sum(), 0.9))
    return Clip(Path("none.mp4"), 30.0, FRAMES, EVERY, truth, detections)


@pytest.fixture(scope="module")
def two() -> Clip:
    return clip_of(boxed(sorted(walk(0, 50) + walk(1, 300))))


def test_scores_tell_perfect_swapped_and_missing_tracks(two: Clip) -> None:
    truth = two.truth
    late = truth.frame >= FRAMES // 2
    swapped = replace(truth, ident=np.where(late, 1 - truth.ident, truth.ident))
    nothing = boxed([])
    half = truth.chosen(late)
    perfect, swap, empty, missing = score([(two, tracks) for tracks in (truth, swapped, nothing, half)])
    assert (perfect.hota, perfect.idf1, perfect.mota, perfect.id_switches) == (100, 100, 100, 0)
    assert swap.id_switches == 2
    assert swap.idf1 == pytest.approx(50)
    assert swap.hota < 75
    assert (empty.hota, empty.idf1, empty.mota, empty.id_switches) == (0, 0, 0, 0)
    assert missing.mota == pytest.approx(50)
    assert missing.id_switches == 0


def test_a_hidden_face_is_neither_demanded_nor_held_against_a_track() -> None:
    truth = boxed(sorted(walk(0, 50) + walk(1, 300, share=0.1)))
    both, one = truth, boxed(walk(0, 50))
    for tracks in (both, one):
        left = judged(truth, tracks, FRAMES)
        assert set(left.truth.ident.tolist()) == {0}
        assert set(left.tracks.ident.tolist()) == {0}
        assert len(left.tracks.frame) == FRAMES


def test_a_track_on_a_visible_face_is_judged_though_a_hidden_one_fits_better() -> None:
    truth = boxed(sorted(walk(0, 50) + walk(1, 55, share=0.0)))
    tracks = boxed(walk(7, 55))
    assert len(judged(truth, tracks, FRAMES).tracks.frame) == FRAMES


def test_a_track_on_nobody_is_held_against_a_method() -> None:
    truth = boxed(walk(0, 50, share=0.1))
    tracks = boxed(walk(7, 400))
    assert len(judged(truth, tracks, FRAMES).tracks.frame) == FRAMES


def test_nobody_is_known_before_their_first_detections_arrive() -> None:
    truth = boxed([(*each[:3], 0.0) if 8 <= each[0] < 30 else each for each in walk(0, 50)])
    assert known(truth, 4, forgotten=20).frame.tolist() == [*range(4, 30), *range(34, FRAMES)]
    assert known(truth, 4, forgotten=30).frame.tolist() == list(range(4, FRAMES))


def test_detections_of_every_frame_become_people_across_a_short_gap_only() -> None:
    seen = [each for each in walk(-1, 50) if each[0] not in range(10, 14)]
    flicker: Rows = [(3, -1, (400.0, 100.0, 450.0, 160.0), 0.6)]
    truth = linked(boxed(sorted(seen + flicker)), FRAMES)
    walker = truth.ident == truth.ident[0]
    assert truth.frame[walker].tolist() == list(range(FRAMES))
    assert truth.xyxy[walker][12, 0] == pytest.approx(62)
    assert truth.share[walker].min() == 1
    assert truth.share[~walker].tolist() == [0]
    gone = [each for each in walk(-1, 50) if each[0] not in range(10, 30)]
    assert len(set(linked(boxed(gone), FRAMES).ident.tolist())) == 2


def test_pairs_are_the_nearest_and_none_beyond_the_gate() -> None:
    first = np.array(((0, 0, 50, 60), (100, 0, 150, 60)), np.float64)
    second = np.array(((104, 0, 154, 60), (6, 0, 56, 60), (300, 0, 350, 60)), np.float64)
    assert sorted(pairs(first, second, 1.0)) == [(0, 1), (1, 0)]
    assert pairs(first, second[2:], 1.0) == []
    assert pairs(first[:0], second, 1.0) == []


def test_the_plain_filter_follows_through_frames_without_detections_and_is_stale_where_they_are_late(two: Clip) -> None:
    tracks, spent_ms = play(make(two), two, late=0)
    late, _ = play(make(two), two, late=5)
    assert len(spent_ms) == FRAMES
    assert set(tracks.frame.tolist()) == set(range(FRAMES))
    assert late.frame[0] == EVERY
    here, there = score([(two, tracks), (two, late)])
    assert here.id_switches == there.id_switches == 0
    assert here.hota > 75
    assert there.hota < here.hota - 5


def test_a_clip_survives_being_kept(tmp_path: Path, two: Clip) -> None:
    save_clip(replace(two, video=tmp_path / "frames.mp4"), tmp_path)
    kept = load_clip(tmp_path)
    assert (kept.video, kept.fps, kept.frames, kept.every) == (tmp_path / "frames.mp4", 30, FRAMES, EVERY)
    assert np.array_equal(kept.truth.xyxy, two.truth.xyxy)
    assert np.array_equal(kept.detections.frame, two.detections.frame)


def test_time_is_the_median_over_detections_of_the_mean_between_them() -> None:
    spent_ms = np.array((5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 500, 0, 0, 0, 0), np.float64)
    assert ms_per_frame([spent_ms], EVERY) == 2


def test_before_the_first_late_answer_can_be_there_lateness_costs_nothing(tmp_path: Path, two: Clip) -> None:
    save_clip(replace(two, video=tmp_path / "frames.mp4"), tmp_path)
    told = known(two.truth, 5, forgotten=30)
    found = lateness("two", [tmp_path], in_time=[two.truth], late=[told], by=5)
    assert (found.in_time, found.late, found.lost, found.lost_by_all) == (100, 100, 0, 0)
    assert found.lost_whole == found.lost_whole_by_all > 1


def test_what_is_missed_later_on_is_lost_to_lateness(tmp_path: Path, two: Clip) -> None:
    save_clip(replace(two, video=tmp_path / "frames.mp4"), tmp_path)
    seen = two.truth.chosen((two.truth.frame < 5) | (two.truth.frame >= 15))
    found = lateness("two", [tmp_path], in_time=[two.truth], late=[seen], by=5)
    assert found.lost == pytest.approx(100 * 10 / (FRAMES - 5), abs=0.1)
    assert found.lost_whole == pytest.approx(100 * 10 / FRAMES, abs=0.1)


def test_targets_hold_ours_against_the_best_other() -> None:
    rows = [
        Row("fast", "flow", 84, 95, 90, 3, 1.0),
        Row("fast", "kcf", 80, 96, 90, 0, 30.0),
        Row("fast", "norfair", 70, 60, 50, 0, 0.1),
    ]
    late = [Lateness("fast", 84, 78, lost=6, lost_by_all=1, lost_whole=4, lost_whole_by_all=2)]
    costs = [Cost("flow", 5, 1.0), Cost("flow", 20, 3.0), Cost("kcf", 5, 30.0)]
    found = {each.name: each.verdict for each in targets(rows, late, costs)}
    assert found["fast: HOTA"] == "MISSED"
    assert found["fast: HOTA over kcf"] == "ok"
    assert found["fast: IDF1 over kcf"] == "MISSED"
    assert found["fast: HOTA lost to late"] == "MISSED"
    assert found["fast: HOTA lost, whole clip"] == "ok"
    assert found["ms per frame, 5 faces"] == "ok"
    assert found["time for 20 faces / for 5"] == "ok"
    assert found["kcf / flow, per face"] == "ok"


def test_scenes_are_the_same_for_a_seed_and_others_for_another() -> None:
    for make_scene in scenes.SCENES.values():
        assert make_scene(1) == make_scene(1)
        assert make_scene(1) != make_scene(2)


def test_the_detector_finds_who_the_truth_calls_visible_where_it_says_and_nobody_else() -> None:
    detector = Detector(MODELS / "face_detection_yunet_2023mar.onnx")
    built = stage.build(MODELS, detector.faces)
    shares = []
    for frame, (picture, truth) in enumerate(stage.frames(built, replace(scenes.occlusion(0), seconds=2.0))):
        if frame % 10:
            continue
        found = np.array([face.xyxy for face in detector.faces(picture)]).reshape(-1, 4)
        overlap = iou(np.array([xyxy for _, xyxy, _ in truth]), found)
        share = np.array([visible for _, _, visible in truth])
        assert (overlap[share > 0.9].max(axis=1, initial=0) > 0.75).all()
        assert (share[overlap.argmax(axis=0)] > 0.3).all()
        shares += share.tolist()
    assert min(shares) == 0
    assert max(shares) == 1
