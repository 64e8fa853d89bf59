"""A real Home Assistant in a container, led through its first steps, and read and used through its interfaces.

https://developers.home-assistant.io/docs/api/rest and …/api/websocket
"""

import json
import os
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import websocket

from tests.places import ROOT
from tests.servers import free_port, wait_for

IMAGE = "facewire-test/home-assistant"
DOCKERFILE = ROOT / "tests" / "compose" / "assistant.Dockerfile"
CONFIGURATION = """\
homeassistant: {{name: Test}}
http: {{server_host: 127.0.0.1, server_port: {port}}}
api:
config:
onboarding:
automation: !include automations.yaml
"""


@dataclass(frozen=True, slots=True)
class Assistant:
    """One Home Assistant, and the key to it."""

    address: str
    token: str

    def call(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask its REST interface."""
        request = urllib.request.Request(
            self.address + path,
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def states(self) -> dict[str, dict[str, Any]]:
        """Return every entity's state by its id."""
        return {each["entity_id"]: each for each in self.call("/api/states")}

    def state(self, entity: str) -> str:
        """Return one entity's state, "" if there is no such entity."""
        found = self.states().get(entity)
        return str(found["state"]) if found else ""

    def wait(self, entity: str, state: str) -> None:
        """Wait until an entity's state is `state`, or fail."""
        wait_for(lambda: self.state(entity) == state, f"{entity} to be {state}, not {self.state(entity)!r}")

    def do(self, service: str, **fields: Any) -> None:
        """Call a service as a user's tap would: `switch.turn_on`, with its fields."""
        self.call(f"/api/services/{service.replace('.', '/')}", fields)

    def picture(self, entity: str) -> bytes:
        """Return what an image or a camera shows; nothing while there is nothing to show."""
        kind = "image_proxy" if entity.startswith("image.") else "camera_proxy"
        headers = {"Authorization": f"Bearer {self.token}"}
        request = urllib.request.Request(f"{self.address}/api/{kind}/{entity}", None, headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError:
            return b""

    def ask(self, kind: str, **fields: Any) -> Any:
        """Ask its websocket interface, which lists devices and their triggers."""
        connection = websocket.create_connection(self.address.replace("http", "ws") + "/api/websocket", timeout=20)
        try:
            connection.recv()
            connection.send(json.dumps({"type": "auth", "access_token": self.token}))
            connection.recv()
            connection.send(json.dumps({"id": 1, "type": kind, **fields}))
            answer = json.loads(connection.recv())
        finally:
            connection.close()
        assert answer["success"], answer
        return answer["result"]


@contextmanager
def home_assistant(folder: Path, broker_port: int, user: str = "", password: str = "") -> Iterator[Assistant]:
    """Run a Home Assistant that is connected to a broker of this host, until the block ends."""
    subprocess.run(["docker", "build", "--quiet", "--tag", IMAGE, "-"], input=DOCKERFILE.read_bytes(), check=True)
    port = free_port()
    (folder / "configuration.yaml").write_text(CONFIGURATION.format(port=port), encoding="utf-8")
    (folder / "automations.yaml").write_text("[]", encoding="utf-8")
    name, owner = f"facewire-test-home-{os.getpid()}", f"{os.getuid()}:{os.getgid()}"
    run = ["docker", "run", "--rm", "--detach", "--name", name, "--network", "host", "--user", owner]
    subprocess.run([*run, "--volume", f"{folder}:/config", IMAGE], check=True, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: _answers(address), "Home Assistant to start")
        assistant = Assistant(address, _onboarded(address))
        _connect(assistant, broker_port, user, password)
        yield assistant
    finally:
        subprocess.run(["docker", "rm", "--force", name], check=True, stdout=subprocess.DEVNULL)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/api/onboarding", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _onboarded(address: str) -> str:
    owner = {"client_id": f"{address}/", "name": "Test", "username": "test", "password": "test-of-home"}
    code = Assistant(address, "").call("/api/onboarding/users", owner | {"language": "en"})["auth_code"]
    form = {"grant_type": "authorization_code", "code": code, "client_id": f"{address}/"}
    with urllib.request.urlopen(f"{address}/auth/token", urllib.parse.urlencode(form).encode(), timeout=20) as answer:
        return str(json.load(answer)["access_token"])


def _connect(assistant: Assistant, port: int, user: str, password: str) -> None:
    flow = assistant.call("/api/config/config_entries/flow", {"handler": "mqtt"})
    broker: dict[str, Any] = {"broker": "127.0.0.1", "port": port}
    if user:
        broker |= {"username": user, "password": password}
    made = assistant.call(f"/api/config/config_entries/flow/{flow['flow_id']}", broker)
    assert made["type"] == "create_entry", made
