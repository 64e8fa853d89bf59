"""The connection of one viewer: notice that it has ended though nothing is sent, and end it where nothing arrives."""

import socket
from dataclasses import dataclass

GIVE_UP_MS = 10_000


@dataclass(frozen=True, slots=True)
class Line:
    """A viewer's connection.

    Args:
        connection: what gunicorn sends through, or None where there is none to look at.
    """

    connection: socket.socket | None

    def __post_init__(self) -> None:
        if self.connection is not None and self.connection.family != socket.AF_UNIX:
            # Who vanished, or sleeps with a full buffer, would keep a viewer's place for a quarter of an hour and more.
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, GIVE_UP_MS)

    def has_ended(self) -> bool:
        """Say whether the viewer has hung up."""
        if self.connection is None:
            return False
        try:
            return not self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True
