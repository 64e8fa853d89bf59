"""Another reading of docs/unlocking.md: which unlocks are allowed, told from all that ever happened.

Nothing here is shared with the code that it judges but the owner's numbers. Every question is answered by searching the
whole history again, rule by rule.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from iot_bridge.locks.model import Lock, Unlocking

from facewire.messages import Identity, Tracks
from tests.unlocking.fakes import PIN, SECOND
from tests.unlocking.world import Happened

Opening = tuple[int, str, str, int]
Place = tuple[str, str, int]


class Oracle:
    """Says which openings a history allows."""

    def __init__(self, history: list[Happened], locks: dict[str, Lock]) -> None:
        self.history = history
        self.rules = {name: lock.unlocking for name, lock in locks.items() if lock.unlocking is not None}
        self.since_jump, self.since_start = self._begin(jumps=True), self._begin(jumps=False)
        self.sizes: dict[int, float] = {}
        self.looks: dict[tuple[str, int], list[int]] = defaultdict(list)
        """The looks that count, of each face."""
        self.failures: dict[str, list[int]] = defaultdict(list)
        self.lockouts: dict[str, list[int]] = defaultdict(list)
        self.grants: dict[str, list[int]] = defaultdict(list)
        self.attempts: dict[Place, list[int]] = defaultdict(list)
        self.claimed: set[Place] = set()
        self.settled: dict[Place, set[int]] = defaultdict(set)
        self.waits: dict[Place, list[int]] = defaultdict(list)
        self.waits_over: dict[str, int] = defaultdict(lambda: -1)
        self.spent: set[int] = set()

    def allowed(self) -> list[Opening]:
        """Return the openings in their order."""
        found: list[Opening] = []
        for index, happened in enumerate(self.history):
            if happened.kind == "look" and self._counts(index):
                look = happened.what
                if any(look.camera in rules.cameras for rules in self.rules.values()):
                    self.looks[look.camera, look.track_id].append(index)
                    for lock in self.rules:
                        found += self._after_look(index, (lock, look.camera, look.track_id))
            elif happened.kind == "factor":
                found += self._after_factor(index)
        return found

    # ---- rules 2 to 4: what there is to judge by

    def _memory_from(self, index: int, *, jumps: bool = True) -> int:
        """Return the first happening that is still remembered at another."""
        return (self.since_jump if jumps else self.since_start)[index]

    def _begin(self, *, jumps: bool) -> list[int]:
        """Return for each happening the first of its run of the bridge, and, with `jumps`, of one time."""
        found = [0]
        for number, (before, here) in enumerate(pairwise(self.history), start=1):
            moved = (here.wall_ns - before.wall_ns) - (here.steady_ns - before.steady_ns)
            anew = here.run != before.run or (jumps and abs(moved) > SECOND // 2)
            found.append(number if anew else found[-1])
        return found

    def _counts(self, index: int) -> bool:
        happened = self.history[index]
        look: Identity = happened.what
        if not -SECOND // 4 <= happened.wall_ns - look.captured_ns <= 2 * SECOND:
            return False
        run_from, from_ = self._memory_from(index, jumps=False), self._memory_from(index)
        earlier = [each for each in self.looks[look.camera, look.track_id] if each >= run_from]
        kept = [self.history[each].what for each in earlier if each >= from_][-64:]
        return (
            all(look.seq > self.history[each].what.seq for each in earlier)
            and all(look.captured_ns > each.captured_ns for each in kept)
            and all(look.embedding_id != each.embedding_id for each in kept)
        )

    def _frames(self, camera: str, index: int) -> list[int]:
        """Return the frames of a camera that were heard of and are remembered."""
        frames: list[int] = []
        for each in range(self._memory_from(index), index + 1):
            happened = self.history[each]
            if happened.kind != "show" or happened.what.camera != camera:
                continue
            age = happened.wall_ns - happened.what.captured_ns
            newest = self.history[frames[-1]].what.captured_ns if frames else 0
            if -SECOND // 4 <= age <= 2 * SECOND and happened.what.captured_ns > newest:
                frames.append(each)
        return frames

    def _size(self, index: int) -> float:
        if index not in self.sizes:
            self.sizes[index] = self._measured(index)
        return self.sizes[index]

    def _measured(self, index: int) -> float:
        look: Identity = self.history[index].what
        frames = [self.history[each].what for each in self._frames(look.camera, index)]
        recent = [each for each in frames if frames[-1].captured_ns - each.captured_ns <= 3 * SECOND]
        holding = [(each, box) for each in recent if (box := _box(each, look.track_id)) is not None]
        exact = [pair for pair in holding if pair[0].seq == look.seq]
        by_distance = sorted(exact or holding, key=lambda pair: abs(pair[0].captured_ns - look.captured_ns))
        if not by_distance or abs(by_distance[0][0].captured_ns - look.captured_ns) > SECOND // 5:
            return 0.0
        left, top, right, bottom = by_distance[0][1]
        return min(right - left, bottom - top)

    def _age(self, index: int, at: int, extra: int) -> int:
        then, now = self.history[index], self.history[at]
        look_or_frame: Identity | Tracks = then.what
        return max(now.wall_ns - look_or_frame.captured_ns, now.steady_ns - then.steady_ns) + extra

    # ---- rules 1 and 5 to 9: what is seen

    def _seen(self, place: Place, at: int, extra: int = 0) -> str:
        """Return "" if what is seen is enough, `doubt` if it may be an attempt, else `no`."""
        lock, camera, track = place
        rules = self.rules[lock]
        few = rules.evidence.of_looks[0]
        window = self._window(place, at, extra)
        names = {self.history[each].what.name for each in window} - {None}
        if camera not in rules.cameras or len(window) < few or not names & set(rules.people):
            return "no"
        sure = [each for each in window if self._is_sure(each, rules)]
        if len(names) > 1 or len(sure) < few:
            return "doubt"
        good = [each for each in sure if self._size(each) >= rules.evidence.face_px]
        fresh = window[-1] in good and self._age(window[-1], at, extra) <= 2 * SECOND
        return "" if len(good) >= few and fresh and self._is_there(camera, track, at, extra) else "no"

    def _window(self, place: Place, at: int, extra: int) -> list[int]:
        lock, camera, track = place
        from_ = self._memory_from(at)
        looks = [each for each in self.looks[camera, track] if from_ <= each <= at]
        return [each for each in looks if self._age(each, at, extra) <= 10 * SECOND][
            -self.rules[lock].evidence.of_looks[1] :
        ]

    def _is_there(self, camera: str, track: int, at: int, extra: int) -> bool:
        frames = self._frames(camera, at)
        if not frames or self._age(frames[-1], at, extra) > SECOND:
            return False
        tracks: Tracks = self.history[frames[-1]].what
        return any(each.id == track and each.state == "confirmed" for each in tracks.tracks)

    def _is_sure(self, index: int, rules: Unlocking) -> bool:
        look: Identity = self.history[index].what
        evidence = rules.evidence
        return (
            look.name in rules.people
            and look.similarity >= evidence.similarity
            and look.margin >= evidence.margin
            and (look.live_score or 0.0) >= evidence.live_score
        )

    # ---- rules 10 to 17: what else there must be

    def _after_look(self, index: int, place: Place) -> Iterator[Opening]:
        if self._is_settled(place, index):
            return
        seen = self._seen(place, index)
        if seen == "doubt":
            self._attempt(index, place)
        elif not seen and self._else_fulfilled(place[0], index):
            if self.rules[place[0]].second_factor == "none":
                yield from self._open(index, place)
            else:
                self.waits[place].append(index)

    def _is_settled(self, place: Place, index: int) -> bool:
        return self.history[index].run in self.settled[place]

    def _else_fulfilled(self, lock: str, index: int) -> bool:
        now = self.history[index]
        return (
            lock in now.ruled
            and now.broker
            and now.store
            and lock in now.on
            and not self._locked_out(lock, index)
            and not self._recently(self.grants[lock], index, self.rules[lock].cooldown_s)
        )

    def _attempt(self, index: int, place: Place) -> None:
        lock, camera, track = place
        many = self.rules[lock].evidence.of_looks[1]
        from_ = self._memory_from(index)
        looks = [each for each in self.looks[camera, track] if each >= from_]
        before = [each for each in self.attempts[place] if each >= from_]
        if before and len([each for each in looks if each > before[-1]]) < many:
            return
        self.attempts[place].append(index)
        now = self.history[index]
        if now.store and lock in now.on and not self._locked_out(lock, index):
            self._fail(lock, index)

    def _fail(self, lock: str, index: int) -> None:
        rules = self.rules[lock]
        self.failures[lock].append(index)
        cleared = max([-1, *self.lockouts[lock], *self.grants[lock]])
        recent = [
            each
            for each in self.failures[lock]
            if each > cleared and self._recently([each], index, rules.failures_within_s)
        ]
        if len(recent) >= rules.failures:
            self.lockouts[lock].append(index)

    def _locked_out(self, lock: str, index: int) -> bool:
        return self._recently(self.lockouts[lock], index, self.rules[lock].lockout_s)

    def _recently(self, indices: list[int], at: int, seconds: float) -> bool:
        now_ns = self.history[at].steady_ns
        return any(now_ns - self.history[each].steady_ns < seconds * SECOND for each in indices)

    def _open(self, index: int, place: Place) -> Iterator[Opening]:
        """Carry a decision out, as far as what goes wrong just then lets it."""
        run = self.history[index].run
        if place in self.claimed:
            self.settled[place].add(run)
            return
        fault = self._fault(index)
        if fault == "claim_fails":
            return
        self.claimed.add(place)
        if fault == "claim_lost":
            return
        self.settled[place].add(run)
        self.waits_over[place[0]] = index
        if fault != "grant_fails":
            self.grants[place[0]].append(index)
        late = {"slow": SECOND // 2, "slower": 3 * SECOND}.get(fault, 0)
        if fault in ("", "unconfirmed") or (late and self._seen(place, index, late) == ""):
            yield (index, *place)

    def _fault(self, index: int) -> str:
        """Return what goes wrong at a decision: each fault does so once, though several decisions may follow."""
        fault = self.history[index].fault
        if not fault or index in self.spent:
            return ""
        self.spent.add(index)
        return fault

    def _after_factor(self, index: int) -> Iterator[Opening]:
        now = self.history[index]
        lock, rules = now.what.lock, self.rules[now.what.lock]
        waiting = self._waiting(lock, index)
        if now.steady_ns - now.what.arrived_ns > 2 * SECOND or now.what.kind != rules.second_factor or not waiting:
            return
        if not now.store or self._locked_out(lock, index):
            return
        if now.what.kind == "pin" and now.what.payload != PIN:
            self._fail(lock, index)
            return
        for place in waiting:
            if self._is_settled(place, index) or self._seen(place, index) or not self._else_fulfilled(lock, index):
                continue
            before = set(self.claimed)
            yield from self._open(index, place)
            if place not in before and place in self.claimed and self._is_settled(place, index):
                return

    def _waiting(self, lock: str, index: int) -> list[Place]:
        """Return who waits for the second factor, whoever has waited longest first."""
        from_ = max(self._memory_from(index), self.waits_over[lock] + 1)
        since: dict[Place, int] = {}
        for place, times in self.waits.items():
            begun = last = -1
            for each in (each for each in times if each >= from_):
                if last < 0 or self.history[each].steady_ns - self.history[last].steady_ns > 15 * SECOND:
                    begun = each
                last = each
            if place[0] == lock and last >= 0 and self._waits_still(last, index):
                since[place] = begun
        return sorted(since, key=lambda place: since[place])

    def _waits_still(self, last: int, index: int) -> bool:
        return self.history[index].steady_ns - self.history[last].steady_ns <= 15 * SECOND


def _box(tracks: Tracks, track_id: int) -> tuple[float, float, float, float] | None:
    return next((track.xyxy for track in tracks.tracks if track.id == track_id), None)
