"""What is switched on the store is looked for so often that every service obeys within a second."""

from threading import Event

from facewire import keys
from facewire.controls import OFF, Watch, write
from facewire.link import Link, connect


class Turns(Event):
    """Ends a loop after some turns; keeps the rests between them instead of taking them."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.rests_s: list[float | None] = []
        self._most = most

    def wait(self, timeout: float | None = None) -> bool:
        self.rests_s.append(timeout)
        if len(self.rests_s) == self._most:
            self.set()
        return self.is_set()


def test_what_is_switched_is_looked_for_twice_a_second(bus: Link, bus_url: str) -> None:
    watch, turns = Watch(bus), Turns(3)
    write(connect(bus_url), keys.RECOGNITION, OFF)
    watch.run(turns)
    assert not watch.controls.recognition
    assert turns.rests_s == [0.5, 0.5, 0.5]
