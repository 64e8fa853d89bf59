"""Fixtures of tests with the bridge: a camera before which somebody may come, the store of events, and rules."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from facewire.link import connect
from tests.integration.bridge import Room, Store


@pytest.fixture
def room(bus_url: str) -> Iterator[Room]:
    """A camera before which nobody is yet."""
    room = Room(bus_url)
    yield room
    room.close()


@pytest.fixture
def store(store_url: str) -> Store:
    """The events' store."""
    return Store(connect(store_url))


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """The rules' file."""
    return tmp_path / "rules.yaml"
