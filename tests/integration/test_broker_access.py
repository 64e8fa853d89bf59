"""The broker that is shipped lets each do what its files say: nobody but the bridge commands a lock."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from iot_bridge.discovery import Known, Node, components
from iot_bridge.people import key_of
from iot_bridge.topics import Topics

from facewire.settings import OPERATOR_ERROR
from tests.places import ROOT
from tests.servers import HUNG_S, free_port, process, program, wait_for

SHIPPED = ROOT / "config" / "mosquitto"
PASSWORDS = {"home": "home-password", "zigbee2mqtt": "zigbee-password"}
LOCKS = ("facewire/door-pi/lock/front/command", "zigbee2mqtt/front_door/set", "cmnd/front/POWER", "front/rpc")


class Broker:
    """One broker, made of the shipped files."""

    def __init__(self, socket: Path, port: int) -> None:
        self.socket = socket
        self.port = port

    def arrives(self, topic: str, *who: str) -> bool:
        """Say whether what somebody publishes gets through: retained, so that the bridge's door shows it."""
        self._publish(topic, *who)
        return self.hears(topic, *self.bridge)

    def stops(self, topic: str, *who: str) -> bool:
        """Say whether what somebody publishes does not get through."""
        self._publish(topic, *who)
        return self.withholds(topic, *self.bridge)

    def hears(self, topic: str, *who: str, within_s: float = HUNG_S) -> bool:
        """Say whether somebody is told what is retained under a topic."""
        listen = ["mosquitto_sub", *who, "-t", topic, "-C", "1", "-W", str(round(within_s))]
        return subprocess.run(listen, capture_output=True, text=True).stdout.strip() == "unlock"

    def withholds(self, topic: str, *who: str) -> bool:
        """Say whether somebody is not told what is retained under a topic: not within the second that this takes."""
        return not self.hears(topic, *who, within_s=1)

    def _publish(self, topic: str, *who: str) -> None:
        sent = ["mosquitto_pub", *who, "-t", topic, "-m", "unlock", "-r", "-q", "1"]
        subprocess.run(sent, timeout=HUNG_S, capture_output=True)

    @property
    def bridge(self) -> tuple[str, ...]:
        return "--unix", str(self.socket)

    @property
    def anybody(self) -> tuple[str, ...]:
        return "-p", str(self.port)

    def user(self, name: str) -> tuple[str, ...]:
        return "-p", str(self.port), "-u", name, "-P", PASSWORDS[name]


@contextmanager
def shipped(folder: Path, configuration: str) -> Iterator[Broker]:
    """Run the broker with a shipped configuration, its places moved into `folder`."""
    port, socket = free_port(), folder / "bridge.sock"
    for file in SHIPPED.glob("*.acl"):
        (folder / file.name).write_bytes(file.read_bytes())
    users = folder / "users"
    users.touch()
    for name, password in PASSWORDS.items():
        subprocess.run([program("mosquitto_passwd"), "-b", str(users), name, password], check=True)
    text = (SHIPPED / configuration).read_text(encoding="utf-8")
    moved = {"/run/mqtt": folder, "/mosquitto/config": folder, "/mosquitto/data": folder}
    for place, new in moved.items():
        text = text.replace(place, str(new))
    text = text.replace("listener 1883", f"listener {port} 127.0.0.1") + "\nuser root\n"
    (folder / configuration).write_text(text, encoding="utf-8")
    with process([program("mosquitto"), "-c", str(folder / configuration)], port):
        # It listens at one door after the other.
        wait_for(socket.exists, "the bridge's door")
        yield Broker(socket, port)


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[Broker]:
    with shipped(tmp_path, "mosquitto.conf") as broker:
        yield broker


@pytest.fixture
def published(tmp_path: Path) -> Iterator[Broker]:
    with shipped(tmp_path, "published.conf") as broker:
        yield broker


def test_the_bridge_commands_locks(inside: Broker) -> None:
    assert all(inside.arrives(topic, *inside.bridge) for topic in LOCKS)


def test_inside_the_network_anybody_listens_and_nobody_speaks(inside: Broker) -> None:
    topic = "facewire/door-pi/door/presence"
    assert inside.stops(topic, *inside.anybody)
    assert all(inside.stops(lock, *inside.anybody) for lock in LOCKS)
    assert inside.arrives(topic, *inside.bridge)
    assert inside.hears(topic, *inside.anybody)


def test_inside_the_network_nobody_hears_a_pin(inside: Broker) -> None:
    topic = "facewire/door-pi/lock/front/pin"
    assert inside.arrives(topic, *inside.bridge)
    assert inside.withholds(topic, *inside.anybody)


def test_published_it_lets_nobody_in_without_a_name(published: Broker) -> None:
    assert published.arrives("any/topic", *published.bridge)
    assert published.withholds("any/topic", *published.anybody)
    assert published.stops("other/topic", *published.anybody)


@pytest.mark.parametrize("user", PASSWORDS)
def test_published_no_user_commands_a_lock(published: Broker, user: str) -> None:
    assert all(published.stops(topic, *published.user(user)) for topic in LOCKS)


def test_published_home_assistant_switches_facewire_and_hears_all(published: Broker) -> None:
    home = published.user("home")
    switches = ("facewire/door-pi/detect_every/set", "facewire/door-pi/door/privacy/set", "homeassistant/status")
    assert all(published.arrives(topic, *home) for topic in switches)
    assert published.arrives("facewire/door-pi/door/presence", *published.bridge)
    assert published.hears("facewire/door-pi/door/presence", *home)


def test_published_home_assistant_commands_what_it_is_told_to_and_says_nothing_in_the_bridges_name(
    published: Broker,
) -> None:
    node = Node(Topics("facewire", "door-pi"), "Door", "homeassistant")
    known = Known(frozenset({"door"}), {key_of("Ada"): "Ada"})
    described = components(node, known).values()
    commanded = {each["cmd_t"] for each in described if "cmd_t" in each}
    said = sorted({each["stat_t"] for each in described if "stat_t" in each})
    home = published.user("home")
    assert len(commanded) == 5
    assert all(published.arrives(topic, *home) for topic in commanded)
    assert all(published.stops(topic, *home) for topic in (*said[::4], node.config_topic))


def test_published_zigbee_tells_states_and_hears_the_bridge(published: Broker) -> None:
    zigbee = published.user("zigbee2mqtt")
    assert published.arrives("zigbee2mqtt/front_door", *zigbee)
    assert published.arrives("zigbee2mqtt/front_door/set", *published.bridge)
    assert published.hears("zigbee2mqtt/front_door/set", *zigbee)


@pytest.mark.parametrize(
    ("name", "password", "complaint"),
    [("", "long-enough", "a name"), ("a b", "long-enough", "a name"), ("home", "short", "8")],
)
def test_a_user_without_a_name_or_a_fit_password_is_not_made(name: str, password: str, complaint: str) -> None:
    made = subprocess.run(
        [str(ROOT / "scripts" / "mqtt-user"), name],
        input=password,
        capture_output=True,
        text=True,
        timeout=HUNG_S,
    )
    assert (made.returncode, complaint in made.stderr) == (OPERATOR_ERROR, True)
    assert password not in made.stderr
