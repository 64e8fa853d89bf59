"""A subscriber that keeps all it hears, with a session that outlives the broker or without one."""

import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion


@dataclass(frozen=True, slots=True)
class Heard:
    """One message, and when it came (wall clock)."""

    topic: str
    payload: bytes
    at_ns: int


class Ear:
    """Hears everything that is published from now on.

    Args:
        port: the broker's.
        name: its client id.
        kept: with a session: what is published while it is away comes later, and what a broker that was killed does
            not know to be delivered comes again. Without one, as locks should subscribe, nothing comes twice that was
            published once.
    """

    def __init__(self, port: int, name: str = "bench-ear", *, kept: bool = True) -> None:
        self.heard: list[Heard] = []
        self._client = Client(CallbackAPIVersion.VERSION2, name, clean_session=not kept)
        # Without a session it must be there before the bridge is.
        self._client.reconnect_delay_set(*((1, 1) if kept else (0.05, 0.05)))
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=int(kept))
        self._client.on_message = self._hear
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def __enter__(self) -> Self:
        """Hear."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hear no more."""
        self._client.disconnect()
        self._client.loop_stop()

    def under(self, ending: str) -> list[Heard]:
        """Return what was heard under topics with an ending."""
        return [each for each in list(self.heard) if each.topic.endswith(ending)]

    def _hear(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        if not message.retain:
            self.heard.append(Heard(message.topic, bytes(message.payload), time.time_ns()))
