"""Greet the newcomer when faces are there, end the run when its time is up, and write its summary.

Reads `tracks:{camera}` and `detections:{camera}` and every MQTT topic; writes a JSON file.
"""

import json
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from pathlib import Path
from typing import Any

from facewire import keys
from facewire.link import RedisAwayError
from facewire.service import Service, keep_running, running
from facewire.settings import load, stop_operator
from facewire.streams import Publisher, camera_names
from runner.observing import Observer
from runner.processes import Costs
from runner.settings import WatchSettings
from runner.summary import summarise

SAMPLE_EVERY_S = 1.0
# The first seconds load models and fill caches; figures are of the run after that.
WARM_UP_S = 3.0


def main() -> int:
    """Watch the run until it ends."""
    settings = load(WatchSettings)
    with running("watch", settings) as service:
        observer = Observer(service.bus, service.intake, service.metrics, settings.mqtt_port, service.stop)
        observer.start()
        try:
            keep_running(service, lambda: watch(service, observer))
        finally:
            observer.close()
    return 0


def watch(service: Service[WatchSettings], observer: Observer) -> None:
    """Greet, measure until the time is up or the run is stopped, write the summary."""
    settings, started_s = service.settings, time.monotonic()
    end_s = started_s + settings.run_duration_s if settings.run_duration_s else float("inf")
    _greet_when_up(service, observer, end_s)
    service.stop.wait(min(WARM_UP_S, max(0.0, (end_s - time.monotonic()) / 4)))
    costs = Costs(settings.run_dir)
    costs.sample()
    first = _newest(service)
    before_s, seen, began_s = dict(costs.cpu_s), observer.begin(), time.monotonic()
    while not service.stop.is_set() and time.monotonic() < end_s:
        service.stop.wait(min(SAMPLE_EVERY_S, max(0.0, end_s - time.monotonic())))
        service.heartbeat.beat()
        if settings.run_summary is not None:
            costs.sample()
    seconds = time.monotonic() - began_s
    cpu_s = sum(spent - before_s.get(pid, 0.0) for pid, spent in costs.cpu_s.items())
    if settings.run_summary is not None:
        summary = summarise(seen, _newest(service), seconds, cpu_s, costs.peak_mb, first)
        _write(settings.run_summary, summary)
    service.stop.set()


def _greet_when_up(service: Service[WatchSettings], observer: Observer, end_s: float) -> None:
    url = f"http://127.0.0.1:{service.settings.web_port}/"
    while not service.stop.is_set() and time.monotonic() < end_s:
        if observer.first_faces.wait(0.2) and _answers(f"{url}healthz"):
            break
        service.heartbeat.beat()
    else:
        return
    print(
        f"\nfacewire is up.\n  Dashboard:  {url}\n"
        f"  MQTT:       mosquitto_sub -h 127.0.0.1 -p {service.settings.mqtt_port} -v"
        " -t 'facewire/#' -T '+/+/+/snapshot'\n"
        "  Stop:       Ctrl-C\n",
        flush=True,
    )
    if service.settings.run_open_browser:
        webbrowser.open(url)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):  # noqa: S310  our own loopback address
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def _newest(service: Service[WatchSettings]) -> dict[str, int]:
    """Return the seq of the newest frame of each camera."""
    frames = Publisher(service.bus, keys.FRAMES, service.metrics)
    try:
        return {camera: frames.newest_seq(camera) for camera in service.bus.once(camera_names)}
    except RedisAwayError:
        return {}


def _write(path: Path, summary: dict[str, Any]) -> None:
    half_done = path.with_name(path.name + ".tmp")
    try:
        half_done.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
        half_done.replace(path)
    except OSError as error:
        stop_operator(f"--json-summary: cannot write there ({error.strerror}); name another file")


if __name__ == "__main__":
    sys.exit(main())
