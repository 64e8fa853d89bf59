"""The written policy (docs/unlocking.md) on what is seen: a pure function from evidence to a verdict.

Whatever is not plainly so is a reason to refuse.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from facewire.audit import Reason
from facewire.names import name_key
from iot_bridge.locks.evidence import NS_PER_S, STALE_NS, Look, Moment, Shown, latest
from iot_bridge.locks.model import Evidence, Unlocking

WINDOW_NS = 10 * NS_PER_S
SHOWN_NS = NS_PER_S
DOUBTS: frozenset[Reason] = frozenset(("someone_else", "unsure", "unlike", "too_close", "not_live"))
"""Refusals that may be somebody's attempt to pass for another."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Why a lock must stay as it is, None if the face may open it; and what that was taken from."""

    reason: Reason | None
    person: str | None = None
    captured_ns: int | None = None
    """Of the newest look that speaks for the person."""


def judge(unlocking: Unlocking, looks: Sequence[Look], track_id: int, shown: Shown | None, now: Moment) -> Judged:
    """Say whether what is seen is enough: rules 5 to 9.

    Args:
        unlocking: what the owner asks for.
        looks: those at one track that count, the newest last.
        track_id: that track.
        shown: the newest frame of the camera.
        now: the moment of the decision.
    """
    few, many = unlocking.evidence.of_looks
    window = latest(looks, many, WINDOW_NS, now)
    names = [name_key(look.name) for look in window if look.name is not None]
    person = next((look.name for look in reversed(window) if look.name is not None), None)
    for_them = _speaking_for(person, window, unlocking.evidence)
    newest = for_them[-1] if for_them else None
    reason = (
        _who(unlocking, window, names)
        or _enough(window, person, unlocking.evidence)
        or ("last_look" if newest is not window[-1] else None)
        or ("stale" if newest is None or newest.age_ns(now) > STALE_NS else None)
        or _there(track_id, shown, now)
    )
    if not 1 <= few <= many:
        reason = "too_few_looks"
    return Judged(reason, person, newest.captured_ns if newest else None)


def _who(unlocking: Unlocking, window: Sequence[Look], names: Sequence[str]) -> Reason | None:
    """Rules 5 and 6: enough looks, and all that name somebody name one person, who may."""
    if len(window) < max(1, unlocking.evidence.of_looks[0]):
        return "too_few_looks"
    if not names:
        return "unknown_face"
    allowed = set(map(name_key, unlocking.people))
    if len(set(names)) > 1:
        return "someone_else" if set(names) & allowed else "not_allowed"
    return None if names[0] in allowed else "not_allowed"


def _enough(window: Sequence[Look], person: str | None, evidence: Evidence) -> Reason | None:
    """Rule 7: so many looks speak for the person; else what too few of them are."""
    tests = _tests(person, evidence)
    left = window
    for reason, test in tests:
        left = [look for look in left if test(look)]
        if len(left) < max(1, evidence.of_looks[0]):
            return reason
    return None


def _speaking_for(person: str | None, window: Sequence[Look], evidence: Evidence) -> list[Look]:
    return [look for look in window if all(test(look) for _, test in _tests(person, evidence))]


def _tests(person: str | None, evidence: Evidence) -> list[tuple[Reason, Callable[[Look], bool]]]:
    key = None if person is None else name_key(person)
    # A NaN in the owner's numbers passes none.
    return [
        ("unsure", lambda look: look.name is not None and name_key(look.name) == key),
        ("unlike", lambda look: look.similarity >= evidence.similarity),
        ("too_close", lambda look: look.margin >= evidence.margin),
        ("not_live", lambda look: look.live_score is not None and look.live_score >= evidence.live_score),
        ("too_small", lambda look: look.face_px > 0 and look.face_px >= evidence.face_px),
    ]


def _there(track_id: int, shown: Shown | None, now: Moment) -> Reason | None:
    """Rule 9: the face is seen in the newest frame, which is new."""
    if shown is None or shown.age_ns(now) > SHOWN_NS:
        return "camera_silent"
    track = shown.tracks.get(track_id)
    return "gone" if track is None or track.state != "confirmed" else None
