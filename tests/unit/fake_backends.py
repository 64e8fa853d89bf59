"""Backends that do as a test wants them to, under a real failover, on a clock that only waiting moves."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from detector.candidate import Candidate, Patience
from detector.examining import Examiner, Truth
from detector.failover import Failover
from detector.families import Family
from detector.geometry import Canvas, InputSize, Letterbox, Tensor, Views
from detector.guarding import Guard, Reason, TroubleError

from facewire.messages import Face

SIZE = InputSize(64, 32)
PHOTO = np.zeros((32, 64, 3), np.uint8)
SHAPES = ((1, 2), (1, 3))
PATIENCE = Patience()


def outputs(value: float = 0.5) -> list[Tensor]:
    return [np.full(shape, value, np.float32) for shape in SHAPES]


def one_face(tensors: Sequence[Tensor], _: Letterbox, __: float) -> tuple[Face, ...]:
    """Decode outputs into a face that lies the further to the right the larger they are."""
    left = float(tensors[0][0, 0]) * 10
    return (Face((left, 0, left + 10, 10), 0.9, None),)


FAMILY = Family("fake", SIZE, SHAPES, 50.0, one_face)


def views() -> Views:
    shown = Views()
    shown.show(PHOTO)
    return shown


@dataclass
class Clock:
    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Script:
    """What a fake backend does from now on: how long it takes, and what it then answers."""

    takes_s: float = 0.001
    loads_s: float = 0.1
    gives: Sequence[Tensor] | TroubleError = field(default_factory=outputs)
    comes_back: bool = False
    started: int = 0
    asked: int = 0


class FakeGuard(Guard):
    """A guard without a thread: waiting moves the clock."""

    def __init__(self, script: Script, clock: Clock) -> None:
        self.script, self.time = script, clock
        self.loading, self.left = True, False
        self.asked_s, self.ready_s = clock(), clock() + script.loads_s
        self.pending = True
        script.started += 1

    @property
    def busy(self) -> bool:
        return self.pending

    @property
    def stuck(self) -> bool:
        return not self.script.comes_back and self.pending and self.ready_s == float("inf")

    def ask(self, canvas: Canvas) -> None:
        assert not self.pending
        assert not self.left
        assert canvas is not None
        self.script.asked += 1
        self.pending, self.asked_s = True, self.time()
        self.ready_s = self.time() + self.script.takes_s

    def answer(self, until_s: float) -> Sequence[Tensor] | None:
        assert self.pending
        self.time.now_s = max(self.time(), min(self.asked_s + until_s, self.ready_s))
        if self.time() < self.ready_s:
            return None
        self.pending = False
        if isinstance(self.script.gives, TroubleError):
            raise self.script.gives
        self.loading = False
        return self.script.gives

    def waited_s(self) -> float:
        return self.time() - self.asked_s if self.pending else 0.0

    def leave(self) -> None:
        self.left = True


class Scene:
    """Backends `fast` and `slow` (or others) under a failover, and what it said of them."""

    def __init__(self, *names: str) -> None:
        self.clock, self.views = Clock(), views()
        self.scripts = {name: Script() for name in names or ("fast", "slow")}
        self.said: list[tuple[str, Reason]] = []
        self.failover = Failover(lambda candidate, trouble: self.said.append((candidate.name, trouble.reason)))
        self.candidates = {name: self.candidate(name, script) for name, script in self.scripts.items()}
        self.failover.arrange(list(self.candidates.values()))

    def candidate(self, name: str, script: Script) -> Candidate:
        return Candidate(name, lambda: FakeGuard(script, self.clock), self.examiner, self.clock, PATIENCE)

    @property
    def examiner(self) -> Examiner:
        examiner = Examiner(FAMILY, Truth(PHOTO))
        examiner.require_right("fast", outputs())
        return examiner

    def frame(self, after_s: float = 0.2) -> str | None:
        """Show a frame; returns who answered."""
        self.clock.now_s += after_s
        answer = self.failover.infer(self.views)
        if answer is not None:
            assert answer.tensors is self.scripts[answer.backend].gives
        return answer.backend if answer is not None else None

    def tries_again_after_s(self, name: str) -> float:
        """Show frames until a failed backend is started again; returns how long that took."""
        started, since_s = self.scripts[name].started, self.clock()
        while self.scripts[name].started == started:
            assert self.clock() < since_s + 1000
            self.frame()
        return self.clock() - since_s
