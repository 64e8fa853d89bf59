"""Compose files are accepted, alone and with their overrides, and one switch leaves our broker out."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from iot_bridge.settings import BridgeSettings

from facewire.settings import LayoutSettings
from tests.places import ROOT

pytestmark = pytest.mark.skipif(
    shutil.which("docker") is None
    or subprocess.run(["docker", "compose", "version"], capture_output=True).returncode != 0,
    reason="left out: docker compose is not installed",
)


def config(*files: str, **environment: str) -> dict[str, Any]:
    arguments = [part for file in files for part in ("-f", file)]
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("MQTT_", "CAMERA", "WEB_"))}
    done = subprocess.run(
        ["docker", "compose", *arguments, "config", "--format", "json"],
        cwd=ROOT,
        env=clean | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    parsed: dict[str, Any] = json.loads(done.stdout)
    return parsed


def test_without_settings_the_bundled_broker_is_used() -> None:
    services = config("docker-compose.yml")["services"]
    assert "mqtt" in services
    assert services["iot-bridge"]["environment"]["MQTT_HOST"] == "/run/mqtt/bridge.sock"


def test_naming_a_broker_leaves_ours_out() -> None:
    services = config("docker-compose.yml", MQTT_HOST="192.0.2.7")["services"]
    assert "mqtt" not in services
    assert services["iot-bridge"]["environment"]["MQTT_HOST"] == "192.0.2.7"


@pytest.mark.parametrize("override", ["gpu", "edgetpu"])
def test_override_gives_the_detector_its_accelerator(override: str) -> None:
    detector = config("docker-compose.yml", f"docker-compose.{override}.yml")["services"]["detector"]
    mounted = json.dumps([detector.get("devices"), detector["volumes"]])
    assert {"gpu": "/dev/dri", "edgetpu": "/dev/bus/usb"}[override] in mounted


def test_a_sound_card_is_opt_in_and_may_come_and_go() -> None:
    plain = config("docker-compose.yml")["services"]["iot-bridge"]
    assert "/dev/snd" not in json.dumps(plain)
    sounding = config("docker-compose.yml", "docker-compose.sound.yml")["services"]["iot-bridge"]
    assert "/dev/snd" in json.dumps(sounding["volumes"])
    assert sounding["device_cgroup_rules"] == ["c 116:* rmw"]
    assert sounding["environment"]["SPEECH_OUTPUT"] == "alsa"
    assert sounding["read_only"]
    # What it had stays.
    assert set(plain["group_add"]) < set(sounding["group_add"])
    assert len(sounding["volumes"]) == len(plain["volumes"]) + 1


def test_the_coral_gets_its_own_image_and_the_whole_usb_bus() -> None:
    detector = config("docker-compose.yml", "docker-compose.edgetpu.yml")["services"]["detector"]
    assert detector["build"]["target"] == "detector-coral"
    assert detector["image"] == "facewire/detector-coral"
    assert "c 189:* rmw" in detector["device_cgroup_rules"]
    # What any detector needs stays.
    assert detector["environment"]["BUS_URL"]
    assert "/var/cache/facewire" in json.dumps(detector["volumes"])


def test_only_the_dashboard_is_published_and_on_loopback() -> None:
    services = config("docker-compose.yml")["services"]
    published = {name: service["ports"] for name, service in services.items() if service.get("ports")}
    assert set(published) == {"web"}
    assert published["web"][0]["host_ip"] == "127.0.0.1"


def test_credentials_reach_only_those_who_need_them() -> None:
    secret = "sesame-open"
    services = config(
        "docker-compose.yml",
        CAMERA=f"rtsp://user:{secret}1@192.0.2.9/x",
        MQTT_PASSWORD=f"{secret}2",
        WEB_PASSWORD=f"{secret}3",
    )["services"]
    told = {name for name, service in services.items() if secret in json.dumps(service)}
    assert told == {"capture", "iot-bridge", "web"}


def test_what_is_marked_lies_where_the_services_that_need_it_look() -> None:
    services = config("docker-compose.yml")["services"]
    mounts = {
        name: mount
        for name, service in services.items()
        for mount in service.get("volumes", [])
        if mount["target"] == str(LayoutSettings().cameras_file.parent)
    }
    assert set(mounts) == {"capture", "tracker", "iot-bridge", "web"}
    for mount in mounts.values():
        assert mount["read_only"]
        assert (Path(mount["source"]) / "cameras.yaml").samefile(ROOT / "config" / "cameras.yaml")
    assert (Path(mounts["iot-bridge"]["source"]) / BridgeSettings().rules_file.name).samefile(
        ROOT / "config" / "rules.yaml"
    )


def test_rules_are_told_the_time_zone_and_the_key_of_webhooks() -> None:
    services = config("docker-compose.yml", TZ="Europe/Berlin", WEBHOOK_KEY="sesame")["services"]
    told = services["iot-bridge"]["environment"]
    assert (told["TZ"], told["WEBHOOK_KEY"]) == ("Europe/Berlin", "sesame")
    assert [name for name, service in services.items() if "sesame" in json.dumps(service)] == ["iot-bridge"]


def test_bake_builds_every_service_for_both_kinds_of_machine() -> None:
    done = subprocess.run(["docker", "buildx", "bake", "--print"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    targets = json.loads(done.stdout)["target"]
    assert set(targets) >= {"capture", "detector", "tracker", "iot-bridge", "web"}
    ours = [target for target in targets.values() if target.get("platforms")]
    assert all(set(target["platforms"]) == {"linux/amd64", "linux/arm64"} for target in ours)


def test_publishing_the_broker_takes_the_configuration_that_lets_nobody_in_unnamed() -> None:
    mqtt = config("docker-compose.yml", "docker-compose.mqtt.yml")["services"]["mqtt"]
    assert mqtt["command"] == ["mosquitto", "-c", "/mosquitto/config/published.conf"]
    assert [port["published"] for port in mqtt["ports"]] == ["1883"]


def test_only_the_bridge_has_the_door_to_the_broker() -> None:
    services = config("docker-compose.yml")["services"]
    having = {
        name
        for name, service in services.items()
        if any(volume.get("source") == "mqtt-socket" for volume in service.get("volumes", []))
    }
    assert having == {"mqtt", "iot-bridge"}


@pytest.mark.parametrize(("server", "factor"), [("bus", 1.25), ("store", 2.0)])
def test_a_redis_servers_own_limit_leaves_room_below_its_containers(server: str, factor: float) -> None:
    # Where the container's limit is ignored its own must hold; a file that is written anew, or loaded, needs more.
    conf = (ROOT / "config" / "redis" / f"{server}.conf").read_text(encoding="utf-8")
    (limit_mb,) = re.findall(r"^maxmemory (\d+)mb$", conf, re.MULTILINE)
    assert re.findall(r"^maxmemory-policy (\w+)$", conf, re.MULTILINE) == ["noeviction"]
    container_bytes = int(config("docker-compose.yml")["services"][server]["mem_limit"])
    assert container_bytes >= factor * int(limit_mb) * 2**20


def test_the_store_starts_with_what_repairs_its_files() -> None:
    store = config("docker-compose.yml")["services"]["store"]
    assert store["command"] == ["sh", "/etc/redis/start-store", "/data"]
    assert os.access(ROOT / "config" / "redis" / "start-store", os.X_OK)
