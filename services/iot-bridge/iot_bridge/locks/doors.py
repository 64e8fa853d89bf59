"""Put together what keeps doors, and run its loops.

Reads `tracks:{camera}` and `identities:{camera}` (bus) and `events` (store, group `iot-bridge-locks`); appends to
`audit`.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from facewire import keys
from facewire.groups import GroupReader
from facewire.link import RedisAwayError
from facewire.messages import FaceEvent, Identity, Tracks
from facewire.service import Service, keep_running
from facewire.streams import Intake, StreamReader, Wanted
from iot_bridge.locks.audit import Audit
from iot_bridge.locks.doorkeeper import Doorkeeper, Factor, May
from iot_bridge.locks.evidence import NS_PER_S, Moment
from iot_bridge.locks.line import LockLine
from iot_bridge.locks.locking import Locker
from iot_bridge.locks.memory import StoreMemory
from iot_bridge.locks.model import Lock
from iot_bridge.locks.opening import Opener
from iot_bridge.locks.states import States
from iot_bridge.locks.topics import CONFIRM, CONFIRMED, PIN, SWITCH, heard
from iot_bridge.settings import BridgeSettings
from iot_bridge.topics import Topics

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
TICK_S = 1.0
LONGEST_PAYLOAD_BYTES = 64
MOST_WAITING = 64
GROUP = "iot-bridge-locks"
ANCIENT_NS = 3600 * NS_PER_S


def machine_clock() -> Callable[[], Moment]:
    """Return a clock that tells the moment on this machine."""
    boot = BOOT_ID.read_text(encoding="ascii").strip() if BOOT_ID.exists() else ""
    return lambda: Moment(time.time_ns(), time.monotonic_ns(), boot)


class Doors:
    """All there is to keep doors.

    Args:
        service: the service.
        topics: the bridge's own.
        locks: returns the locks there are now.
        may: asks the rules who may open which.
        to_lock: asks the rules which locks an event locks.
    """

    def __init__(
        self,
        service: Service[BridgeSettings],
        topics: Topics,
        locks: Callable[[], Mapping[str, Lock]],
        may: May,
        to_lock: Callable[[FaceEvent], Sequence[Lock]],
    ) -> None:
        self._service = service
        self._to_lock = to_lock
        self._topics = topics
        self._heard: SimpleQueue[tuple[str, bytes, int]] = SimpleQueue()
        clock, self._memory = machine_clock(), StoreMemory(service.store)
        heartbeat = service.heartbeat
        self._line = LockLine(service.settings, topics, self._hear, heartbeat, service.log)
        self._audit = Audit(self._memory, self._line.tell)
        opener = Opener(self._memory, self._line, self._audit, clock, topics)
        self._keeper = Doorkeeper(locks, may, self._memory, opener, self._audit, clock)
        self._states = States(
            locks,
            self._memory,
            self._keeper.waiting,
            self._line.say,
            lambda text: heartbeat.note("locks", text),
            clock,
            topics,
        )
        self._locks = locks
        self._locker = Locker(self._memory, self._line, self._audit, clock, topics)

    def start(self) -> list[Thread]:
        """Start all loops, each in a thread of its own."""
        # To connect may take a while in which nothing beats.
        bodies = [(self.run_line, False), (self.run_looks, True), (self.run_switches, True), (self.run_events, True)]
        threads = [
            Thread(target=keep_running, args=(self._service, body), kwargs={"beats": beats}, daemon=True)
            for body, beats in bodies
        ]
        for thread in threads:
            thread.start()
        return threads

    def run_line(self) -> None:
        """Keep the line for commands up."""
        # A home without locks needs none.
        while not self._locks() and not self._service.stop.wait(TICK_S):
            pass
        self._line.run(self._service.stop, self._states.forget)

    def run_looks(self) -> None:
        """Take in frames and looks, while there is a lock that may open."""
        while not self._may_open() and not self._service.stop.wait(TICK_S):
            self._service.heartbeat.beat()
        # Frames first: a look is judged by the frame it was taken of.
        wanted = [Wanted(keys.TRACKS), Wanted(keys.IDENTITIES)]
        reader = StreamReader(self._service.bus, self._service.intake, self._service.metrics, wanted)
        for message in reader.messages(self._service.stop):
            if isinstance(message, Tracks):
                self._keeper.show(message)
            elif isinstance(message, Identity):
                self._keeper.look(message)
            if not self._may_open():
                return

    def _may_open(self) -> bool:
        return any(lock.unlocking is not None for lock in self._locks().values())

    def run_switches(self) -> None:
        """Take in what the home says, and say what changed."""
        looked_s = float("-inf")
        while not self._service.stop.is_set():
            self._service.heartbeat.beat()
            try:
                self._obey(*self._heard.get(timeout=TICK_S / 4))
            except Empty:
                pass
            else:
                looked_s = float("-inf")
            if time.monotonic() - looked_s >= TICK_S:
                looked_s = time.monotonic()
                self._audit.flush()
                self._keeper.rebase()
                self._states.look()

    def run_events(self) -> None:
        """Lock what an event locks; what happened long ago is not even worth a refusal."""
        silent = Intake(self._service.metrics, self._service.log, tells=False)
        events = GroupReader(self._service.store, silent, keys.EVENTS, group=GROUP, consumer=f"{GROUP}-1")
        for delivery in events.deliveries(self._service.stop):
            event = delivery.message
            if isinstance(event, FaceEvent) and time.time_ns() - event.at_ns < ANCIENT_NS:
                for lock in self._to_lock(event):
                    self._locker.lock(lock, event)
            events.ack(delivery, self._service.stop)

    def _hear(self, topic: str, payload: bytes) -> None:
        # What floods in is dropped: a PIN is not heard then, and no door opens.
        if len(payload) <= LONGEST_PAYLOAD_BYTES and self._heard.qsize() < MOST_WAITING:
            self._heard.put((topic, payload, time.monotonic_ns()))
        else:
            self._service.metrics.dropped("lock_message")

    def _obey(self, topic: str, payload: bytes, arrived_ns: int) -> None:
        said = heard(self._topics, topic)
        lock = None if said is None else self._locks().get(said.lock)
        if said is None or lock is None or lock.unlocking is None:
            self._service.metrics.dropped("unknown_lock")
        elif said.leaf == PIN:
            self._keeper.factor(Factor(lock.name, "pin", payload, arrived_ns))
        elif said.leaf == CONFIRM and payload == CONFIRMED:
            self._keeper.factor(Factor(lock.name, "confirm", b"", arrived_ns))
        elif said.leaf == SWITCH and payload in (b"ON", b"OFF"):
            self._switch(lock.name, on=payload == b"ON")
        else:
            self._service.metrics.dropped("strange_lock_message")

    def _switch(self, lock: str, *, on: bool) -> None:
        try:
            self._memory.switch(lock, on=on)
        except RedisAwayError:
            self._service.log.warning("unlocking was not switched: the store is away", lock=lock, on=on)
        else:
            self._service.log.warning("unlocking was switched", lock=lock, on=on)
