"""Failing backends are replaced, tried again ever more seldom, and taken back when they are right again."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from detector.candidate import Candidate, Patience
from detector.examining import Examiner, Truth
from detector.failover import Failover, HopelessError
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


def test_the_best_answers_and_the_next_is_not_even_loaded() -> None:
    scene = Scene()

    assert [scene.frame() for _ in range(5)] == ["fast"] * 5
    assert scene.scripts["slow"].started == 0
    assert scene.said == []


@pytest.mark.parametrize(
    ("gives", "reason"),
    [
        (TroubleError("error", "the device is gone"), "error"),
        (outputs()[:-1], "garbage"),
        ([tensor[:, :-1] for tensor in outputs()], "garbage"),
        ([*outputs()[1:], outputs()[0]], "garbage"),
        ([*outputs()[:-1], outputs()[-1] * np.nan], "garbage"),
        ([*outputs()[:-1], outputs()[-1] * np.inf], "garbage"),
        (outputs(-1e30), "garbage"),
    ],
)
def test_the_same_frame_goes_to_the_next_when_the_best_fails(
    gives: Sequence[Tensor] | TroubleError, reason: Reason
) -> None:
    scene = Scene()
    scene.frame()
    scene.scripts["fast"].gives = gives
    before_s = scene.clock()

    assert scene.frame(after_s=0) == "slow"
    # The next had to be loaded.
    assert scene.clock() - before_s < 0.2
    assert scene.said == [("fast", reason)]


def test_who_hangs_is_helped_out_at_once_and_failed_after_a_second() -> None:
    scene = Scene()
    scene.frame()
    scene.scripts["fast"].takes_s = float("inf")
    before_s = scene.clock()

    assert scene.frame(after_s=0) == "slow"
    # Within the second that the tracker keeps a face for, counted from the detection before.
    assert scene.clock() - before_s < 0.5
    assert scene.said == []
    while not scene.said:
        assert scene.frame(after_s=0.1) == "slow"
    assert 1.0 <= scene.clock() - before_s < 1.2
    assert scene.said == [("fast", "hang")]
    assert scene.candidates["fast"].fate() == ("fast failed (hang: no answer within 1 s); fast is tried again in 30 s")


def test_who_is_late_once_is_not_failed_and_its_late_answer_is_not_used() -> None:
    scene = Scene()
    scene.frame()
    late, scene.scripts["fast"].takes_s = outputs(0.1), 0.6
    scene.scripts["fast"].gives = late

    assert scene.frame() == "slow"
    assert scene.frame(after_s=0.05) == "slow"
    scene.clock.now_s += 0.5
    scene.scripts["fast"].takes_s, scene.scripts["fast"].gives = 0.001, outputs()
    assert scene.frame() == "fast"
    assert scene.said == []


def test_who_is_always_late_is_failed() -> None:
    scene = Scene()
    scene.frame()
    scene.scripts["fast"].takes_s = 0.6

    assert [scene.frame(after_s=1) for _ in range(6)] == ["slow"] * 6
    assert scene.said == [("fast", "slow")]


def test_a_failed_one_is_tried_again_ever_more_seldom() -> None:
    scene = Scene()
    scene.scripts["fast"].gives = TroubleError("error", "gone")
    scene.frame()

    waits_s = [scene.tries_again_after_s("fast") for _ in range(7)]

    assert waits_s == pytest.approx([30, 60, 120, 240, 480, 600, 600], abs=1)
    assert scene.scripts["slow"].started == 1


def test_it_is_taken_back_when_right_again_without_a_frame_lost() -> None:
    scene = Scene()
    scene.frame()
    scene.scripts["fast"].gives = TroubleError("error", "gone")
    scene.frame()
    scene.scripts["fast"].gives = outputs()
    scene.scripts["fast"].loads_s = 2.0
    scene.tries_again_after_s("fast")

    before_s, answered = scene.clock(), [scene.frame() for _ in range(12)]

    # While it loads, nobody waits for it.
    assert scene.clock() - before_s == pytest.approx(12 * 0.2, abs=0.05)
    assert answered == ["slow"] * 8 + ["fast"] * 4 or answered == ["slow"] * 9 + ["fast"] * 3
    assert scene.failover.failed_before("fast") == []


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (Script(gives=outputs(0.4)), "garbage"),
        (Script(takes_s=0.5), "hang"),
        (Script(loads_s=float("inf")), "hang"),
        (Script(gives=TroubleError("load", "no device")), "load"),
    ],
)
def test_it_is_not_taken_back_unless_right_and_in_time(script: Script, reason: Reason) -> None:
    scene = Scene()
    scene.scripts["fast"].gives = TroubleError("error", "gone")
    scene.frame()
    for name in ("takes_s", "loads_s", "gives"):
        setattr(scene.scripts["fast"], name, getattr(script, name))
    scene.tries_again_after_s("fast")

    assert {scene.frame() for _ in range(60)} == {"slow"}
    assert scene.said[1:] == [("fast", reason)]


def test_who_fails_soon_after_it_came_back_waits_longer_and_after_long_good_work_not() -> None:
    scene = Scene()
    fast = scene.scripts["fast"]
    scene.frame()

    def fail_and_come_back(after_s: float) -> float:
        scene.clock.now_s += after_s
        fast.gives = TroubleError("error", "gone")
        assert scene.frame() == "slow"
        fast.gives = outputs()
        waited_s = scene.tries_again_after_s("fast")
        while scene.frame() != "fast":
            pass
        return waited_s

    assert fail_and_come_back(after_s=0) == pytest.approx(30, abs=1)
    assert fail_and_come_back(after_s=60) == pytest.approx(60, abs=1)
    assert fail_and_come_back(after_s=700) == pytest.approx(30, abs=1)


def test_when_all_fail_they_are_tried_again_soon() -> None:
    scene = Scene()
    for script in scene.scripts.values():
        script.gives = TroubleError("error", "gone")

    assert scene.frame() is None
    assert scene.said == [("fast", "error"), ("slow", "error")]
    assert [candidate.name for candidate in scene.failover.failed_before(None)] == ["fast", "slow"]
    assert [scene.tries_again_after_s("slow") for _ in range(3)] == pytest.approx([2, 4, 8], abs=0.5)
    scene.scripts["slow"].gives = outputs()
    assert scene.frame() == "slow"
    assert [candidate.name for candidate in scene.failover.failed_before("slow")] == ["fast"]


def test_the_only_one_is_given_more_time() -> None:
    scene = Scene("only")
    scene.frame()
    scene.scripts["only"].takes_s = 3.0

    assert scene.frame() == "only"
    scene.scripts["only"].takes_s = 6.0
    assert scene.frame() is None
    assert scene.said == [("only", "hang")]


def test_threads_that_hang_are_few_and_then_another_works_for_good() -> None:
    scene = Scene()
    scene.frame()
    scene.scripts["fast"].takes_s = scene.scripts["fast"].loads_s = float("inf")

    for _ in range(10_000):
        assert scene.frame(after_s=1) == "slow"

    assert scene.scripts["fast"].started == PATIENCE.stuck_at_most
    assert "hung too often" in scene.candidates["fast"].fate()


def test_a_thread_that_came_back_after_all_does_not_count() -> None:
    scene = Scene()
    scene.frame()
    scene.scripts["fast"].takes_s = scene.scripts["fast"].loads_s = float("inf")
    for _ in range(1000):
        scene.frame(after_s=1)

    scene.scripts["fast"].takes_s, scene.scripts["fast"].loads_s = 0.001, 0.1
    scene.scripts["fast"].comes_back = True
    scene.frame()

    assert scene.frame() == "fast"


def test_when_all_hang_for_good_only_a_new_process_helps_and_not_before_minutes() -> None:
    scene = Scene()
    for script in scene.scripts.values():
        script.takes_s = script.loads_s = float("inf")
    since_s = scene.clock()

    def go_on() -> None:
        for _ in range(10_000):
            assert scene.frame() is None

    with pytest.raises(HopelessError):
        go_on()
    assert scene.clock() - since_s > 200
    assert [script.started for script in scene.scripts.values()] == [PATIENCE.stuck_at_most] * 2


def test_one_that_is_wrong_from_the_start_is_passed_over() -> None:
    scene = Scene("fast", "slow", "slower")
    scene.frame()
    scene.scripts["fast"].gives = TroubleError("error", "gone")
    scene.scripts["slow"].gives = outputs(0.4)

    assert scene.frame() == "slower"
    assert scene.said == [("fast", "error"), ("slow", "garbage")]


def test_outputs_that_make_no_sense_are_the_fault_of_who_gave_them() -> None:
    scene = Scene()
    scene.frame()

    scene.failover.distrust("fast", "a box without area")

    assert scene.frame() == "slow"
    assert scene.said == [("fast", "garbage")]


def test_a_better_one_is_loaded_beside_the_one_at_work() -> None:
    scene = Scene("slow")
    assert scene.frame() == "slow"
    script = scene.scripts["fast"] = Script(loads_s=1.0)
    fast = scene.candidate("fast", script)

    scene.failover.arrange([fast, scene.candidates["slow"]])
    fast.warm_up()
    before_s, answered = scene.clock(), [scene.frame() for _ in range(8)]

    assert scene.clock() - before_s < 8 * 0.2 + 0.1
    assert answered[:4] == ["slow"] * 4
    assert answered[-3:] == ["fast"] * 3


@pytest.mark.parametrize("value", [50.0, -50.0])
def test_sane_outputs_pass(value: float) -> None:
    Examiner(FAMILY, Truth(PHOTO)).require_sane(outputs(value))


def test_what_is_right_is_learnt_from_the_first_and_from_the_reference_for_good() -> None:
    examiner, mine = Examiner(FAMILY, Truth(PHOTO)), outputs(0.5)
    examiner.require_right("fast", mine)
    # A backend may use its buffers again.
    mine[0][:] = 9
    examiner.require_right("slow", outputs(0.5005))
    with pytest.raises(TroubleError, match=r"garbage: in the check photo: 1 of 1 faces not found \(IoU 0\.82\)"):
        examiner.require_right("slow", outputs(0.6))
    examiner.require_right("onnxruntime", outputs(0.6))
    examiner.require_right("slow", outputs(0.6))


def test_a_network_of_another_kind_need_only_see_the_same_large_faces() -> None:
    truth = Truth(PHOTO)
    other = replace(FAMILY, name="other", size=InputSize(32, 32))
    Examiner(FAMILY, truth).require_right("onnxruntime", outputs(0.5))

    Examiner(other, truth).require_right("fast", outputs(0.8))

    with pytest.raises(TroubleError, match="in the check photo: 1 of 1 faces not found"):
        Examiner(other, truth).require_right("fast", outputs(2.0))


def test_a_long_complaint_becomes_one_short_line() -> None:
    trouble = TroubleError("error", "Traceback:\n  " + "x" * 500)

    assert str(trouble).startswith("error: Traceback: xxx")
    assert len(str(trouble)) < 200
