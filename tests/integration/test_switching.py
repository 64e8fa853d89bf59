"""What Home Assistant sends over MQTT reaches capture, detector and tracker, all real, and outlives them all."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facewire import keys
from facewire.link import connect
from tests.integration.bridge import BASE, CONFIG, bridging, holds, kept, listening
from tests.integration.detecting import OF_NO_HOST, detector
from tests.integration.door import put
from tests.integration.test_controls import detections, frames_on
from tests.places import CACHE, DEMO
from tests.processes import Running, service
from tests.servers import free_port, wait_for
from tests.unit.test_tracker_naming import look

SWITCHED = {"door/privacy": b"ON", "door/detection": b"OFF", "recognition": b"OFF", "detect_every": b"3"}


@contextmanager
def house(folder: Path, bus_url: str, store_url: str, port: int) -> Iterator[tuple[Running, Running]]:
    """Run all services but the dashboard on the demo clip, as `door`; yields detector and tracker."""
    urls = {"BUS_URL": bus_url, "STORE_URL": store_url}
    seeing, finding, following, telling = (folder / name for name in ("capture", "detector", "tracker", "bridge"))
    for place in (seeing, finding, following, telling):
        place.mkdir(exist_ok=True)
    with (
        service("capture", seeing, CAMERAS="door=demo", DEMO_DIR=str(DEMO), **urls),
        detector(finding, bus_url, CACHE, STORE_URL=store_url, DETECT_EVERY="auto", **OF_NO_HOST) as found,
        service("tracker", following, METRICS_PORT=str(free_port()), **urls) as followed,
        bridging(telling, bus_url, store_url, port),
    ):
        yield found, followed


def offered(description: bytes) -> list[str]:
    """Return the backends that Home Assistant lets one choose from."""
    (select,) = [part for part in json.loads(description)["cmps"].values() if part["p"] == "select"]
    return list(select["ops"])


def test_everything_that_can_be_switched_is_obeyed_and_stays_so_when_all_services_were_restarted(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int
) -> None:
    bus = connect(bus_url)
    with listening(broker_port) as home:

        def switch(name: str, payload: bytes) -> None:
            home.publish(f"{BASE}/{name}/set", payload)
            home.wait(f"{BASE}/{name}", payload)

        with house(tmp_path, bus_url, store_url, broker_port) as (found, followed):
            home.wait(f"{BASE}/door/presence", b"ON")
            switch("detect_every", b"3")
            wait_for(lambda: found.notes().get("detect_every door") == "3 frames, as set", "the interval")

            used = detections(bus)[-1].backend
            other = next(name for name in found.notes()["usable"].split() if name != used)
            # The bridge reads every ten seconds what the detector says of itself.
            wait_for(lambda: other in offered(home.latest(CONFIG)), "the backend to be offered")
            switch("backend", other.encode())
            wait_for(lambda: detections(bus)[-1].backend == other, "the other backend")

            switch("recognition", b"OFF")

            def ignored() -> bool:
                put(bus, keys.IDENTITIES, look("Ada", 1))
                return followed.counted("dropped", reason="recognition_off") > 0

            wait_for(ignored, "looks to be ignored")

            switch("door/detection", b"OFF")
            home.wait(f"{BASE}/door/status", b"detection off")
            home.wait(f"{BASE}/door/presence", b"OFF")
            last = detections(bus)[-1].seq
            assert holds(lambda: detections(bus)[-1].seq == last, 1)

            switch("door/privacy", b"ON")
            wait_for(lambda: frames_on(bus) == 0, "the frames to be taken back")
            home.wait(f"{BASE}/door/status", b"privacy")

        with house(tmp_path, bus_url, store_url, broker_port) as (found, _):
            states = kept(broker_port, "latecomer")
            assert {name: states[f"{BASE}/{name}"] for name in SWITCHED} == SWITCHED
            assert states[f"{BASE}/backend"] == other.encode()
            assert holds(lambda: frames_on(bus) == 0, 2)
            switch("door/privacy", b"OFF")
            wait_for(lambda: frames_on(bus) > 0, "frames")
            assert holds(lambda: detections(bus)[-1].seq == last, 1)
            switch("door/detection", b"ON")
            wait_for(lambda: detections(bus)[-1].seq > last + 3, "detections")
            # It may still be loading, beside another that finds faces meanwhile.
            wait_for(lambda: detections(bus)[-1].backend == other, "the backend that was chosen")
            wait_for(lambda: found.notes()["detect_every door"] == "3 frames, as set", "the interval")
