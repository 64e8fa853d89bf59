"""Where the dashboard listens, who is let in, and what it refuses to start with."""

import socket
import urllib.request
from base64 import b64encode
from pathlib import Path

import psutil
import pytest

from tests.integration.web_process import refused, web
from tests.processes import SECRET
from tests.servers import HUNG_S


def test_the_password_lets_in_and_is_shown_nowhere(tmp_path: Path, bus_url: str) -> None:
    with web(tmp_path, bus_url, WEB_PASSWORD=SECRET) as dashboard:
        assert dashboard.get("/").status == 401
        login = b64encode(f"facewire:{SECRET}".encode()).decode()
        request = urllib.request.Request(dashboard.url("/"), headers={"Authorization": f"Basic {login}"})
        with urllib.request.urlopen(request, timeout=HUNG_S) as answer:
            assert answer.status == 200
        family = {psutil.Process(dashboard.process.pid), *dashboard.workers()}
        assert len(family) == 2
        assert not any(SECRET in " ".join(member.cmdline()) for member in family)
    assert SECRET not in dashboard.log.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["WEB_PORT", "METRICS_PORT"])
def test_a_port_in_use_is_refused(tmp_path: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        line = refused(tmp_path, **{name: str(port)})
    assert line.startswith(f"facewire: {name}: ")
    assert f"for example {name}={port + 1}" in line


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "nowhere.invalid", "a..b"])
def test_an_address_that_this_machine_does_not_have_is_refused(tmp_path: Path, address: str) -> None:
    line = refused(tmp_path, WEB_HOST=address, WEB_PASSWORD="a long sentence")
    assert line.strip() == "facewire: WEB_HOST: is no address of this machine; for example WEB_HOST=127.0.0.1"


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert refused(tmp_path, RUN_DIR=str(tmp_path / "file" / "run")).startswith("facewire: RUN_DIR: ")


def test_a_dashboard_for_others_without_a_password_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, WEB_HOST="0.0.0.0").startswith("facewire: WEB_PASSWORD: ")
