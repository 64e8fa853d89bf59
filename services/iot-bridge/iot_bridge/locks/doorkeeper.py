"""Decide who is let in: takes in frames, looks and second factors as they come, and opens locks or refuses."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from threading import RLock
from typing import Literal

from facewire.audit import Reason
from facewire.link import RedisAwayError
from facewire.messages import Identity, Tracks
from iot_bridge.locks.audit import Audit, Subject
from iot_bridge.locks.evidence import NS_PER_S, STALE_NS, Moment, Sight
from iot_bridge.locks.memory import Memory
from iot_bridge.locks.model import Lock, Unlocking
from iot_bridge.locks.opening import Opener
from iot_bridge.locks.pins import is_right
from iot_bridge.locks.policy import DOUBTS, Judged, judge
from iot_bridge.locks.record import Record, failed, is_locked_out, restored, stored

PENDING_NS = 15 * NS_PER_S

May = Callable[[str, str, Sequence[str], int], Collection[str]]
"""Returns the names of the locks that rules open: for a camera, a person, the face's zones, and a time in ns."""


@dataclass(frozen=True, slots=True)
class Factor:
    """A second factor that was given for a lock: the PIN is the payload; when it came, by the steady clock."""

    lock: str
    kind: Literal["pin", "confirm"]
    payload: bytes
    arrived_ns: int


@dataclass(frozen=True, slots=True)
class _Place:
    """A face before a lock."""

    lock: str
    camera: str
    track_id: int


class Doorkeeper:
    """Holds the evidence, from any thread.

    Args:
        locks: returns the locks there are now.
        may: asks the rules.
        memory: the store.
        opener: takes the last steps.
        audit: the log.
        clock: tells the moment.
        matches: compares a PIN with the hash of one.
    """

    def __init__(
        self,
        locks: Callable[[], Mapping[str, Lock]],
        may: May,
        memory: Memory,
        opener: Opener,
        audit: Audit,
        clock: Callable[[], Moment],
        matches: Callable[[bytes, str], bool] = is_right,
    ) -> None:
        self._matches = matches
        self._locks = locks
        self._may = may
        self._memory = memory
        self._opener = opener
        self._audit = audit
        self._clock = clock
        self._sights: dict[str, Sight] = {}
        self._pending: dict[_Place, int] = {}
        self._last: Moment | None = None
        self._rebased: set[str] = set()
        # Who says something of a face says it before anybody else decides about that face.
        self._mutex = RLock()

    def show(self, tracks: Tracks) -> None:
        """Take in the tracks of a frame."""
        with self._mutex:
            now = self._now()
            if self._before(tracks.camera):
                self._sights.setdefault(tracks.camera, Sight()).show(tracks, now)

    def look(self, identity: Identity) -> None:
        """Take in a look, and decide."""
        with self._mutex:
            now = self._now()
            concerned = self._before(identity.camera)
            if not concerned:
                return
            why_not = self._sights.setdefault(identity.camera, Sight()).look(identity, now)
            for lock, unlocking in concerned:
                place = _Place(lock.name, identity.camera, identity.track_id)
                if why_not is None:
                    self._decide(lock, unlocking, place, now)
                else:
                    self._audit.refuse(_about(place, identity.name, identity.captured_ns), why_not, now)

    def factor(self, given: Factor) -> None:
        """Take in a second factor, and decide anew."""
        with self._mutex:
            now = self._now()
            lock = self._locks().get(given.lock)
            if lock is None or lock.unlocking is None:
                return
            reason = self._why_no_factor(lock.unlocking, given, now)
            if reason == "wrong_pin":
                self._audit.state(Subject(lock.name), "refused", reason, now)
            elif reason is not None:
                self._audit.refuse(Subject(lock.name), reason, now)
            else:
                self._decide_anew(lock, lock.unlocking, now)

    def waiting(self, name: str) -> bool:
        """Say whether a lock waits for a second factor."""
        with self._mutex:
            return bool(self._waiting(name, self._now()))

    def rebase(self) -> None:
        """Convert records of an earlier boot to this boot's steady clock, once per lock.

        Otherwise a clock that is set later would end a lockout, or have it last for as long as it was ahead.
        """
        with self._mutex:
            now = self._clock()
            names = [lock.name for lock in self._locks().values() if lock.unlocking is not None]
            try:
                for name in set(names) - self._rebased:
                    fields = self._memory.record(name)
                    if fields and fields.get("boot") != now.boot:
                        self._memory.keep(name, stored(restored(fields, now), now))
                    self._rebased.add(name)
            except RedisAwayError:
                return

    def _decide_anew(self, lock: Lock, unlocking: Unlocking, now: Moment) -> None:
        for place in self._waiting(lock.name, now):
            if self._decide(lock, unlocking, place, now, factor_given=True):
                return

    def _now(self) -> Moment:
        now = self._clock()
        if self._last is not None and (now.jumped_since(self._last) or now.boot != self._last.boot):
            # Rule 4: what was seen by another time is no evidence.
            self._pending.clear()
            for sight in self._sights.values():
                sight.forget()
        self._last = now
        return now

    def _before(self, camera: str) -> list[tuple[Lock, Unlocking]]:
        locks = [(lock, lock.unlocking) for lock in self._locks().values() if lock.unlocking is not None]
        return [(lock, unlocking) for lock, unlocking in locks if camera in unlocking.cameras]

    def _decide(
        self, lock: Lock, unlocking: Unlocking, place: _Place, now: Moment, *, factor_given: bool = False
    ) -> bool:
        """Decide about a face before a lock; returns whether a decision to open it was made."""
        sight = self._sights.setdefault(place.camera, Sight())
        face = sight.face(place.track_id)
        if lock.name in face.decided:
            return False

        def judged_at(moment: Moment) -> Judged:
            return judge(unlocking, face.looks, place.track_id, sight.newest(), moment)

        judged = judged_at(now)
        subject = _about(place, judged.person, judged.captured_ns)
        reason = judged.reason or self._no_rule(place, judged, now)
        if reason is None:
            reason = self._opener.why_not(lock, unlocking, now, factor_given=factor_given)
        elif reason in DOUBTS and not factor_given:
            self._count(unlocking, place, judged, now)
        if reason is None:
            reason = self._opener.open(
                lock, subject, lambda later: not later.jumped_since(now) and judged_at(later).reason is None, now
            )
            if reason in (None, "already_decided"):
                face.decided.add(lock.name)
            if reason is None:
                self._pending = {key: until for key, until in self._pending.items() if key.lock != lock.name}
                return True
        self._say(subject, place, reason, now, factor_given=factor_given)
        return False

    def _say(self, subject: Subject, place: _Place, reason: Reason, now: Moment, *, factor_given: bool) -> None:
        if reason == "second_factor":
            if self._pending.get(place, 0) < now.steady_ns:
                # Whoever has waited longest stays first.
                self._pending.pop(place, None)
                self._audit.state(subject, "pending", reason, now)
            self._pending[place] = now.steady_ns + PENDING_NS
        elif reason != "too_few_looks" or factor_given:
            self._audit.refuse(subject, reason, now)

    def _no_rule(self, place: _Place, judged: Judged, now: Moment) -> Reason | None:
        shown = self._sights[place.camera].newest()
        track = None if shown is None else shown.tracks.get(place.track_id)
        if judged.person is None or track is None:
            return "no_rule"
        return None if place.lock in self._may(place.camera, judged.person, track.zones, now.wall_ns) else "no_rule"

    def _count(self, unlocking: Unlocking, place: _Place, judged: Judged, now: Moment) -> None:
        """Rule 12: an attempt is as many looks as a decision is taken from."""
        face = self._sights[place.camera].face(place.track_id)
        many = unlocking.evidence.of_looks[1]
        if face.counted - face.failed_at.get(place.lock, -many) < many:
            return
        face.failed_at[place.lock] = face.counted
        try:
            if not self._memory.is_on(place.lock):
                return
            record = restored(self._memory.record(place.lock), now)
            if not is_locked_out(record, unlocking, now):
                self._fail(unlocking, _about(place, judged.person, judged.captured_ns), record, now)
        except RedisAwayError:
            # Nothing opens while the store is away, so nothing is tried.
            return

    def _fail(self, unlocking: Unlocking, subject: Subject, record: Record, now: Moment) -> None:
        after = failed(record, unlocking, now)
        self._memory.keep(subject.lock, stored(after, now))
        self._say_locked_out(subject, after, now)

    def _say_locked_out(self, subject: Subject, after: Record, now: Moment) -> None:
        if after.locked_out == now.steady_ns:
            self._audit.state(subject, "locked_out", "too_many_failures", now)

    def _waiting(self, name: str, now: Moment) -> list[_Place]:
        self._pending = {place: until for place, until in self._pending.items() if until >= now.steady_ns}
        return [place for place in self._pending if place.lock == name]

    def _why_no_factor(self, unlocking: Unlocking, given: Factor, now: Moment) -> Reason | None:
        """Rule 14: nothing is compared unless somebody waits for it."""
        if now.steady_ns - given.arrived_ns > STALE_NS:
            return "factor_late"
        if unlocking.second_factor != given.kind or not self._waiting(given.lock, now):
            return "nothing_pending"
        try:
            record = restored(self._memory.record(given.lock), now)
            if is_locked_out(record, unlocking, now):
                return "locked_out"
            return None if given.kind == "confirm" else self._why_no_pin(unlocking, given, record, now)
        except RedisAwayError:
            return "store_away"

    def _why_no_pin(self, unlocking: Unlocking, given: Factor, record: Record, now: Moment) -> Reason | None:
        kept = self._memory.pin(given.lock)
        if not kept:
            return "no_pin"
        # It counts as a failure until it proves right: else a store that goes at the right moment gives tries away.
        after = failed(record, unlocking, now)
        self._memory.keep(given.lock, stored(after, now))
        if self._matches(given.payload, kept):
            self._memory.keep(given.lock, stored(record, now))
            return None
        self._say_locked_out(Subject(given.lock), after, now)
        return "wrong_pin"


def _about(place: _Place, person: str | None, captured_ns: int | None) -> Subject:
    return Subject(place.lock, "UNLOCK", place.camera, place.track_id, person, captured_ns)
