"""Tracks get names by what most looks say; a name follows its face, and is told once in a visit."""

from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tracker.following import Following
from tracker.naming import WINDOW, Names, person_of
from tracker.settings import TrackerSettings
from tracker.tracking import CameraTracker, Rules
from tracker.zones import Places

from facewire.controls import Controls
from facewire.messages import FaceEvent, Identity, Person, Tracks
from facewire.metrics import Metrics
from tests.unit.messages import IDENTITY
from tests.unit.scene import Scene, Walker, stamp

RED, GREEN = (0.3, 0.3, 1.0), (0.3, 1.0, 0.3)


def look(name: str | None, seq: int, track_id: int = 1, similarity: float = 0.7, live: float | None = None) -> Identity:
    seen = replace(IDENTITY, track_id=track_id, seq=seq, captured_ns=stamp(seq))
    return replace(seen, name=name, similarity=similarity, live_score=live)


def dropped(metrics: Metrics, reason: str) -> float:
    return metrics.registry.get_sample_value("facewire_test_dropped_total", {"reason": reason}) or 0.0


# ---- what looks say together


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("", None),
        ("A", None),
        ("AA", None),
        ("AAA", "A"),
        ("AAB", None),
        ("AABB", None),
        ("AABBA", "A"),
        ("A-A-A", "A"),
        ("A-A--", None),
        ("-----", None),
    ],
)
def test_three_of_the_last_five_looks_make_a_name(said: str, name: str | None) -> None:
    looks = [look(None if each == "-" else each, seq) for seq, each in enumerate(said, 1)]
    person = person_of(looks)
    assert (person.name if person else None) == name


def test_a_person_is_as_similar_as_the_middle_look_and_as_live_as_the_looks_on_average() -> None:
    similarities = (0.9, 0.5, 0.6)
    looks = [look("Ada", seq, similarity=each, live=0.4) for seq, each in enumerate(similarities, 1)]
    assert person_of(looks) == Person("Ada", 0.6, live=False)
    looks.append(look("Bob", 4, similarity=0.1, live=1.0))
    assert person_of(looks) == Person("Ada", 0.6, live=True)
    assert person_of([look("Ada", seq) for seq in (1, 2, 3)]) == Person("Ada", 0.7, live=None)


@given(st.lists(st.sampled_from(("Ada", "Bob", None)), max_size=30))
def test_a_name_is_told_once_in_a_visit_whatever_the_looks_say(said: list[str | None]) -> None:
    names = Names(Metrics("test"))
    names.appear(1)
    told = []
    for seq, name in enumerate(said, 1):
        news = names.hear(look(name, seq), stamp(seq))
        who = names.people.get(1)
        if news == "identified":
            assert who is not None
            told.append(who.name)
        elif news == "unknown":
            assert who is None
            told.append("nobody")
        last = said[max(0, seq - WINDOW) : seq]
        assert who is None or last.count(who.name) >= 3
    assert len(set(told)) == len(told)
    assert "nobody" not in told[1:], "who was known is not unknown"


def test_a_face_is_unknown_after_several_looks_and_may_still_be_known_later() -> None:
    names = Names(Metrics("test"))
    names.appear(1)
    news = [names.hear(look(None, seq), stamp(seq)) for seq in range(1, 9)]
    assert news == [None] * 4 + ["unknown"] + [None] * 3
    assert [names.hear(look("Ada", seq), stamp(seq)) for seq in (9, 10, 11)] == [None, None, "identified"]


def test_nobody_is_told_of_who_does_not_count_yet() -> None:
    names = Names(Metrics("test"))
    assert [names.hear(look("Ada", seq), stamp(seq)) for seq in (1, 2, 3, 4)] == [None] * 4
    assert names.people[1].name == "Ada"
    names.appear(1)
    assert names.hear(look("Ada", 5), stamp(5)) == "identified"


def test_looks_that_are_old_or_come_twice_change_nothing_and_are_counted() -> None:
    metrics = Metrics("test")
    names = Names(metrics)
    now = 200
    for seq in (now - 70, now + 70):
        names.hear(look("Ada", seq), stamp(now))
    assert dropped(metrics, "stale_identity") == 2
    for seq in (now, now, now - 1, now):
        names.hear(look("Ada", seq), stamp(now))
    assert dropped(metrics, "stale_identity") == 5
    assert names.people == {}


# ---- names follow faces


def test_who_swapped_since_they_met_swap_only_what_was_seen_since() -> None:
    names = Names(Metrics("test"))
    for seq in (1, 2, 3):
        names.hear(look("Ada", seq, 1), stamp(seq))
        names.hear(look("Bob", seq, 2), stamp(seq))
    names.meet(4, [1, 2])
    names.exchange(1, 2)
    assert {key: each.name for key, each in names.people.items()} == {1: "Ada", 2: "Bob"}
    for seq in (5, 6, 7):
        # Each is taken for the other.
        names.meet(seq, [1, 2])
        names.hear(look("Bob", seq, 1), stamp(seq))
        names.hear(look("Ada", seq, 2), stamp(seq))
    assert {key: each.name for key, each in names.people.items()} == {1: "Bob", 2: "Ada"}
    names.exchange(1, 2)
    assert {key: each.name for key, each in names.people.items()} == {1: "Ada", 2: "Bob"}


def test_a_name_ends_with_its_track_and_a_new_visit_is_told_anew() -> None:
    names = Names(Metrics("test"))
    for _ in range(2):
        names.appear(1)
        assert [names.hear(look("Ada", seq), stamp(seq)) for seq in (1, 2, 3)] == [None, None, "identified"]
        names.end(1)
        assert names.people == {}
    names.hear(look("Ada", 1), stamp(1))
    names.keep([2])
    assert names._known == {}


# ---- in the tracker


def story(
    scene: Scene, tracker: CameraTracker, frames: range, name: str | None = "Ada", *, look_every: int = 5
) -> tuple[list[FaceEvent], list[Tracks]]:
    events, tracks = [], []
    for index in frames:
        seen, happened = tracker.see(scene.frame(index))
        assert seen is not None
        events += happened
        tracks.append(seen)
        if index % 5 == 0:
            events += tracker.correct(scene.detections(index, jitter_px=1.0))
        if index % look_every == 0:
            for track in seen.tracks:
                events += tracker.name(look(name, index, track.id))
    return events, tracks


def make(metrics: Metrics | None = None) -> CameraTracker:
    return CameraTracker("door", Rules(coast_s=0.5), count(1).__next__, metrics or Metrics("test"))


def test_a_walk_is_told_with_a_name_which_stays_while_the_face_coasts() -> None:
    scene, tracker = Scene(Walker(200, 150, frames=range(61))), make()
    events, tracks = story(scene, tracker, range(1, 62))
    more, coasting = story(scene, tracker, range(62, 100), look_every=1000)
    told = [*events, *more]
    assert [event.type for event in told] == ["appeared", "identified", "left"]
    assert [event.identity.name if event.identity else None for event in told] == [None, "Ada", "Ada"]
    identified = told[1]
    assert identified.id.startswith("door-1-1-identified-")
    assert identified.at_ns in [stamp(index) for index in range(1, 62)]
    assert identified.snapshot is not None
    named = [track.identity.name for seen in coasting for track in seen.tracks if track.identity]
    assert len(named) > 5
    assert len(named) == sum(len(seen.tracks) for seen in coasting)
    assert {track.identity for track in tracks[10].tracks} == {None}


def test_a_stranger_is_told_once_with_a_picture() -> None:
    events, _ = story(Scene(Walker(200, 150)), make(), range(1, 90), None)
    unknown = [event for event in events if event.type == "unknown"]
    assert [(event.id, event.identity) for event in unknown] == [("door-1-1-unknown", None)]
    assert unknown[0].snapshot is not None


def test_looks_at_nobody_are_counted_and_ignored() -> None:
    metrics = Metrics("test")
    tracker = make(metrics)
    assert tracker.name(look("Ada", 1)) == []
    story(Scene(Walker(200, 150)), tracker, range(1, 30), look_every=1000)
    assert tracker.name(look("Ada", 29, track_id=99)) == []
    assert dropped(metrics, "identity_of_nobody") == 2


def test_who_were_mixed_up_in_a_crossing_get_their_names_back_with_their_ids() -> None:
    scene, tracker = Scene(Walker(60, 120, tint=RED), Walker(190, 120, tint=GREEN)), make()

    def people_by_place(seen: Tracks) -> list[tuple[int, str | None]]:
        tracks = sorted(seen.tracks, key=lambda track: track.xyxy[0])
        return [(track.id, track.identity.name if track.identity else None) for track in tracks]

    def play(frames: range) -> list[tuple[int, str | None]]:
        now: list[tuple[int, str | None]] = []
        for index in frames:
            seen, _ = tracker.see(scene.frame(index))
            assert seen is not None
            now = people_by_place(seen)
            if index % 5 == 0:
                tracker.correct(scene.detections(index, jitter_px=1.0))
            # The recognizer sees faces, whatever their tracks are called.
            for (track_id, _), name in zip(now, ("Red", "Green"), strict=False):
                tracker.name(look(name, index, track_id))
        return now

    before = play(range(1, 21))
    assert [name for _, name in before] == ["Red", "Green"]
    tracker._followed.exchange(*(track_id for track_id, _ in before))
    tracker._followed.table.mixed[:] = True
    play(range(21, 26))
    assert play(range(26, 28)) == before


def test_without_recognition_nobody_has_a_name_until_it_is_on_again(tmp_path: Path) -> None:
    metrics = Metrics("test")
    following = Following(TrackerSettings(run_dir=tmp_path), Places({}), count(1).__next__, metrics)
    scene = Scene(Walker(200, 150))
    names = []
    for index in range(1, 91):
        following.obey(Controls(recognition=not 31 <= index <= 60))
        tracks = following.take(scene.frame(index)).tracks
        assert tracks is not None
        names.append({track.identity.name if track.identity else None for track in tracks.tracks})
        following.take(scene.detections(index))
        following.take(look("Ada", index))
    assert names[29] == {"Ada"}
    assert all(each == {None} for each in names[30:61])
    assert names[89] == {"Ada"}
    assert dropped(metrics, "recognition_off") == 30
