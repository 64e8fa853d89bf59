"""One list of settings: what services read, compose passes on, `.env.example` names, and local runs take."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from capture.settings import CaptureSettings
from detector.settings import DetectorSettings
from iot_bridge.settings import BridgeSettings
from tracker.settings import TrackerSettings
from web.settings import WebSettings

from facewire.settings import Settings, Told, known_settings
from runner import env_file, options, plan
from tests.places import ROOT

SERVICES: dict[str, type[Settings]] = {
    "capture": CaptureSettings,
    "detector": DetectorSettings,
    "tracker": TrackerSettings,
    "iot-bridge": BridgeSettings,
    "web": WebSettings,
}
FIXED = {
    "BUS_URL": "the socket is in a volume of the stack's own",
    "STORE_URL": "the same for the store's host",
    "RUN_DIR": "a tmpfs of the container",
    "METRICS_PORT": "every container has its own address",
    "CAMERAS_FILE": "config/ is mounted where it lies by default",
    "RULES_FILE": "the same",
    "DEMO_DIR": "part of the image",
    "MODELS_DIR": "part of the image",
    "CACHE_DIR": "a volume",
    "THERMAL_DIR": "the kernel's",
    "WEB_HOST": "the container's; WEB_BIND is the host's",
    "WEB_PORT": "the host's port, which compose publishes",
}
"""What compose decides itself, and why."""
LOCAL = {"MQTT_HOST": "a broker of the run's own", "MQTT_PORT": "the same", "WEB_PORT": "a free one"}
"""What a local run decides itself, and why."""
PASSED = re.compile(r"\$\{([A-Z0-9_]+):-.*\}")


def environment(service: str) -> dict[str, Any]:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return dict(compose["services"][service]["environment"])


def settable() -> dict[str, Told]:
    """Return every setting that compose passes on, by its variable's name."""
    found = {name.upper(): told for kind in SERVICES.values() for name, told in known_settings(kind).items()}
    return {name: told for name, told in found.items() if name not in FIXED}


@pytest.mark.parametrize("service", SERVICES)
def test_compose_passes_on_every_setting_that_a_service_reads(service: str) -> None:
    passed = environment(service)
    wanted = {name.upper() for name in known_settings(SERVICES[service])} - set(FIXED)

    assert {name for name in wanted if PASSED.fullmatch(str(passed.get(name, ""))) is None} == set()
    assert {name for name in wanted if PASSED.fullmatch(passed[name])[1] != name} == set()  # type: ignore[index]


@pytest.mark.parametrize("service", SERVICES)
def test_compose_passes_on_nothing_that_a_service_does_not_read(service: str) -> None:
    # A key of webhooks is read where rules name it.
    known = {name.upper() for name in known_settings(SERVICES[service])} | {"WEBHOOK_KEY"}

    assert {name for name in environment(service) if name not in known} == set()


def test_what_compose_fixes_is_still_a_setting() -> None:
    assert set(FIXED) <= {name.upper() for kind in SERVICES.values() for name in known_settings(kind)}


def test_the_example_names_what_compose_reads_and_nothing_else() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")

    assert set(re.findall(r"(?m)^#([A-Z0-9_]+)=", example)) == env_file.known_names()
    assert set(settable()) <= env_file.known_names()


def test_every_value_of_the_example_is_right() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    text = re.sub(r"(?m)^#(?=[A-Z0-9_]+=)", "", example)

    for entry in env_file.entries(text):
        assert not entry.problem
        if entry.name in settable() and "/" not in str(settable()[entry.name].example):
            settable()[entry.name].by.deserialize(entry.value)
    # Some stand there more than once, in several forms.
    assert {each.partition(": ")[2].partition(" ")[2] for each in env_file.problems(text, env_file.known_names())} <= {
        "is set once more; the last counts"
    }


def test_a_local_run_passes_on_what_compose_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, told in settable().items():
        monkeypatch.setenv(name, f"given {told.example}")

    planned = plan.make(options.parse([]), tmp_path, list(plan.PYTHON_SERVICES))

    for service, kind in SERVICES.items():
        for name, told in known_settings(kind).items():
            if name.upper() not in (*FIXED, *LOCAL):
                assert planned.environment[service][name.upper()] == f"given {told.example}"
