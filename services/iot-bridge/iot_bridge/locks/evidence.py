"""What the bridge has seen of each face: the looks that count, and in which frame it was shown last."""

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from facewire.audit import Reason
from facewire.messages import Identity, Track, Tracks

NS_PER_S = 1_000_000_000
STALE_NS = 2 * NS_PER_S
"""What was captured longer ago proves nothing of now."""
AHEAD_NS = NS_PER_S // 4
"""By so much the clock of a camera's host may be ahead of ours."""
JUMP_NS = NS_PER_S // 2
NEAR_NS = NS_PER_S // 5
FRAMES_FOR_NS = 3 * NS_PER_S
LOOKS_KEPT = 64
TRACKS_KEPT = 256


@dataclass(frozen=True, slots=True)
class Moment:
    """What the clocks show: the one on the wall, and one that only goes forward from the start of the machine."""

    wall_ns: int
    steady_ns: int
    boot: str = ""
    """Names the run of the machine that `steady_ns` belongs to."""

    def jumped_since(self, earlier: "Moment") -> bool:
        """Say whether the clock on the wall was set since."""
        passed = self.wall_ns - earlier.wall_ns, self.steady_ns - earlier.steady_ns
        return abs(passed[0] - passed[1]) > JUMP_NS


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a track that counts, and how large the face was (0: nobody knows)."""

    seq: int
    captured_ns: int
    arrived_ns: int
    embedding_id: str
    name: str | None
    similarity: float
    margin: float
    live_score: float | None
    face_px: float

    def age_ns(self, now: Moment) -> int:
        """Return how old it is by the clock that says more."""
        return max(now.wall_ns - self.captured_ns, now.steady_ns - self.arrived_ns)


@dataclass(frozen=True, slots=True)
class Shown:
    """The tracks of one frame."""

    captured_ns: int
    arrived_ns: int
    seq: int
    tracks: Mapping[int, Track]

    def age_ns(self, now: Moment) -> int:
        """Return how old it is by the clock that says more."""
        return max(now.wall_ns - self.captured_ns, now.steady_ns - self.arrived_ns)


@dataclass(slots=True)
class Face:
    """One track: its looks, and what was already decided of it. `seq` is that of the last look that counted."""

    seq: int = -1
    looks: deque[Look] = field(default_factory=lambda: deque(maxlen=LOOKS_KEPT))
    counted: int = 0
    """How many looks counted since the clock was last set."""
    failed_at: dict[str, int] = field(default_factory=dict)
    """For each lock, `counted` when a failure of this face was last counted."""
    decided: set[str] = field(default_factory=set)
    """The locks that were opened for it, or tried to: each once."""


class Sight:
    """What was seen by one camera."""

    def __init__(self) -> None:
        self._shown: deque[Shown] = deque(maxlen=256)
        self._faces: OrderedDict[int, Face] = OrderedDict()

    def show(self, tracks: Tracks, now: Moment) -> None:
        """Take in a frame's tracks; one that is late, from the future, or not newer than the last is none."""
        late = not -AHEAD_NS <= now.wall_ns - tracks.captured_ns <= STALE_NS
        if late or (self._shown and tracks.captured_ns <= self._shown[-1].captured_ns):
            return
        by_id = {track.id: track for track in tracks.tracks}
        self._shown.append(Shown(tracks.captured_ns, now.steady_ns, tracks.seq, by_id))
        while tracks.captured_ns - self._shown[0].captured_ns > FRAMES_FOR_NS:
            self._shown.popleft()

    def look(self, identity: Identity, now: Moment) -> Reason | None:
        """Take in a look; returns why it does not count, None if it does."""
        age_ns = now.wall_ns - identity.captured_ns
        if age_ns < -AHEAD_NS:
            return "from_the_future"
        if age_ns > STALE_NS:
            return "stale"
        face = self.face(identity.track_id)
        if _is_replayed(identity, face):
            return "replayed"
        face.seq = identity.seq
        face.counted += 1
        face.looks.append(
            Look(
                seq=identity.seq,
                captured_ns=identity.captured_ns,
                arrived_ns=now.steady_ns,
                embedding_id=identity.embedding_id,
                name=identity.name,
                similarity=identity.similarity,
                margin=identity.margin,
                live_score=identity.live_score,
                face_px=self._face_px(identity),
            )
        )
        return None

    def face(self, track_id: int) -> Face:
        """Return what is known of a track."""
        face = self._faces.setdefault(track_id, Face())
        self._faces.move_to_end(track_id)
        if len(self._faces) > TRACKS_KEPT:
            self._faces.popitem(last=False)
        return face

    def newest(self) -> Shown | None:
        """Return the newest frame."""
        return self._shown[-1] if self._shown else None

    def forget(self) -> None:
        """Let go of all evidence, but neither of which frames were looked at nor of what was decided."""
        self._shown.clear()
        for face in self._faces.values():
            face.looks.clear()
            face.failed_at.clear()
            face.counted = 0

    def _face_px(self, identity: Identity) -> float:
        holding = [shown for shown in self._shown if identity.track_id in shown.tracks]
        same = [shown for shown in holding if shown.seq == identity.seq]
        nearest = min(same or holding, key=lambda shown: abs(shown.captured_ns - identity.captured_ns), default=None)
        if nearest is None or abs(nearest.captured_ns - identity.captured_ns) > NEAR_NS:
            return 0.0
        left, top, right, bottom = nearest.tracks[identity.track_id].xyxy
        return min(right - left, bottom - top)


def _is_replayed(identity: Identity, face: Face) -> bool:
    if identity.seq <= face.seq:
        return True
    return any(
        identity.captured_ns <= look.captured_ns or identity.embedding_id == look.embedding_id for look in face.looks
    )


def latest(looks: Iterable[Look], count: int, oldest_ns: int, now: Moment) -> list[Look]:
    """Return the last so many looks, the newest last, without those that are older than `oldest_ns`."""
    return [look for look in looks if look.age_ns(now) <= oldest_ns][-count:]
