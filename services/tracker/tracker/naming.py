"""Name the faces of one camera: by what most of the last looks at a track say, never by one."""

from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, median
from typing import Literal

from facewire.messages import Identity, Person
from facewire.metrics import Metrics
from facewire.names import Spellings

WINDOW = 5
KNOWN_BY = 3
"""So many of the last `WINDOW` looks must say one name."""
STRANGE_BY = 4
"""So many of them, and none fewer than `WINDOW` in all, must know nobody before a face is told to be unknown."""
STALE_NS = 2_000_000_000
LIVE_FROM = 0.5
"""More likely alive than a picture; a lock asks for more, and asks itself."""

News = Literal["identified", "unknown"]


@dataclass(slots=True)
class _Known:
    """What is known of one track in this visit.

    Args:
        looks: the last ones, by seq.
        counts: whether it was said to have appeared.
        met_seq: when it last met another face; what was seen since may have been of that one.
        told: names that were told.
        strange: whether it was told that nobody knows it.
        person: who it is.
    """

    looks: "deque[Identity]" = field(default_factory=lambda: deque(maxlen=WINDOW))
    counts: bool = False
    met_seq: int = 0
    told: set[str] = field(default_factory=set)
    strange: bool = False
    person: Person | None = None


class Names:
    """Who the tracks of one camera are.

    Args:
        metrics: counts looks that are of no use.
        spellings: the form in which each name is shown.
    """

    def __init__(self, metrics: Metrics, spellings: Spellings | None = None) -> None:
        self._metrics = metrics
        self._spellings = spellings or Spellings()
        self._known: dict[int, _Known] = {}
        self._mixed: set[int] = set()

    @property
    def people(self) -> Mapping[int, Person]:
        """The names that hold now, by track."""
        return {track_id: known.person for track_id, known in self._known.items() if known.person is not None}

    def hear(self, look: Identity, now_ns: int) -> News | None:
        """Take in one look at a track that is followed; returns what is to be told of it.

        Args:
            look: what it says.
            now_ns: when the newest frame was captured.
        """
        known = self._known.setdefault(look.track_id, _Known())
        if abs(now_ns - look.captured_ns) > STALE_NS or (known.looks and look.seq <= known.looks[-1].seq):
            self._metrics.dropped("stale_identity")
            return None
        known.looks.append(look if look.name is None else replace(look, name=self._spellings.first(look.name)))
        known.person = person_of(known.looks)
        return _news(known)

    def appear(self, track_id: int) -> None:
        """Learn that a face counts: from now on it is told who it is."""
        self._known.setdefault(track_id, _Known()).counts = True

    def end(self, track_id: int) -> None:
        """Learn that a face has left: who comes back is named anew."""
        self._known.pop(track_id, None)

    def meet(self, seq: int, mixed: Iterable[int]) -> None:
        """Learn whose faces have met others, and may be confused with them until they are seen alone."""
        now = set(mixed)
        for track_id in now - self._mixed:
            if track_id in self._known:
                self._known[track_id].met_seq = seq
        self._mixed = now

    def exchange(self, first: int, second: int) -> None:
        """Learn that two tracks had swapped since they met: looks since then were at the other one."""
        one, other = (self._known.setdefault(track_id, _Known()) for track_id in (first, second))
        met_seq = min(one.met_seq, other.met_seq)
        before, since = zip(*(_split(known.looks, met_seq) for known in (one, other)), strict=True)
        for known, kept, taken in ((one, before[0], since[1]), (other, before[1], since[0])):
            known.looks = deque([*kept, *taken], maxlen=WINDOW)
            known.person = person_of(known.looks)

    def keep(self, track_ids: Collection[int]) -> None:
        """Forget the tracks that are no longer followed."""
        for gone in self._known.keys() - track_ids:
            del self._known[gone]

    def clear(self) -> None:
        """Forget all names; what was told of a visit is not told again."""
        for known in self._known.values():
            known.looks.clear()
            known.person = None


def person_of(looks: Sequence[Identity]) -> Person | None:
    """Return whom enough of the looks name, None if they name nobody."""
    counted = Counter(look.name for look in looks if look.name is not None)
    name, count = next(iter(counted.most_common(1)), (None, 0))
    if name is None or count < KNOWN_BY:
        return None
    similar = median(look.similarity for look in looks if look.name == name)
    scores = [look.live_score for look in looks if look.live_score is not None]
    return Person(name, round(similar, 3), live=fmean(scores) >= LIVE_FROM if scores else None)


def _news(known: _Known) -> News | None:
    if not known.counts:
        return None
    if known.person is not None:
        if known.person.name in known.told:
            return None
        known.told.add(known.person.name)
        return "identified"
    nameless = sum(look.name is None for look in known.looks)
    if known.told or known.strange or len(known.looks) < WINDOW or nameless < STRANGE_BY:
        return None
    known.strange = True
    return "unknown"


def _split(looks: Iterable[Identity], met_seq: int) -> tuple[list[Identity], list[Identity]]:
    """Return the looks before a meeting, and since."""
    in_order = list(looks)
    return [look for look in in_order if look.seq < met_seq], [look for look in in_order if look.seq >= met_seq]
