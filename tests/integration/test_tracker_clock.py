"""A clock that is set while somebody stands in a zone, with the real tracker: stays last as long as they do."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from facewire.messages import Detections, FaceEvent, Frame, Xyxy
from tests.integration.door import Door, events
from tests.integration.tracking import tracker
from tests.servers import wait_for
from tests.unit.scene import Scene, Walker, stamp

SET_AT, LAST = 30, 60
ZONES = "cameras:\n  door:\n    zones: [{name: porch, polygon: [[0, 0], [1, 0], [1, 1], [0, 1]]}]\n"


@dataclass(slots=True)
class Shifted:
    """A scene, filmed by a clock that is set on the way."""

    scene: Scene
    jump_s: int
    camera: str = "door"

    def frame(self, index: int) -> Frame:
        frame = self.scene.frame(index)
        return replace(frame, captured_ns=frame.captured_ns + self._jump_ns(index))

    def detections(self, index: int) -> Detections:
        found = self.scene.detections(index)
        return replace(found, captured_ns=found.captured_ns + self._jump_ns(index))

    def truth(self, index: int) -> list[Xyxy]:
        return self.scene.truth(index)

    def _jump_ns(self, index: int) -> int:
        return self.jump_s * 1_000_000_000 if index >= SET_AT else 0


def of(store_url: str, kind: str) -> list[FaceEvent]:
    return [event for event in events(store_url) if event.type == kind]


@pytest.mark.parametrize("jump_s", [7200, -7200])
def test_a_stay_lasts_as_long_as_it_does_though_the_tracker_is_killed(
    tmp_path: Path, bus_url: str, store_url: str, jump_s: int
) -> None:
    marked = tmp_path / "cameras.yaml"
    marked.write_text(ZONES, encoding="utf-8")
    film = Door(bus_url, Shifted(Scene(Walker(200, 150)), jump_s))
    film.announce()
    with tracker(tmp_path, bus_url, store_url, CAMERAS_FILE=str(marked)) as running:
        film.play(range(1, LAST + 1))
        wait_for(lambda: len(of(store_url, "entered")) == 1, "the stay")
        assert running.counted("counted", what="clock_jump") == 1
        running.process.kill()
        running.process.wait()
    (tmp_path / "run" / "tracker.json").unlink(missing_ok=True)
    with tracker(tmp_path, bus_url, store_url, CAMERAS_FILE=str(marked)):
        wait_for(lambda: len(of(store_url, "left")) == 1, "whom the killed one left behind")
    ((out,), (went,), (came,)) = (of(store_url, kind) for kind in ("left_zone", "left", "entered"))
    stay_s = (LAST - SET_AT) / 30 + (stamp(SET_AT) - came.at_ns) / 1e9
    assert out.dwell_s == pytest.approx(stay_s, abs=0.2)
    assert (went.at_ns - went.started_ns) / 1e9 == pytest.approx(stay_s, abs=0.3)
