"""Failed backends are tried again ever more seldom, and taken back when they are right again."""

import pytest
from detector.failover import HopelessError
from detector.guarding import Reason, TroubleError

from tests.unit.fake_backends import PATIENCE, Scene, Script, outputs


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
