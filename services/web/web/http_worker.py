"""Run a gunicorn worker whose threads get whole requests only.

Gunicorn's own thread worker reads in its threads: a few clients who send half a request take them all (ADR 32).
"""

import errno
import os
import queue
import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Literal

from gunicorn.http import RequestParser, wsgi
from gunicorn.http.errors import ParseException
from gunicorn.workers.base import Worker

from web.connections import Connection, Waiting
from web.lanes import Job, Lane, Lanes
from web.request_buffer import RefusedRequestError

REQUEST_WITHIN_S = 5.0
IDLE_S = 5.0
TAKE_WITHIN_S = 30.0
"""A client must take an answer within this time; waiting for it costs no thread."""
LINGER_S = 2.0
LOOK_EVERY_S = 0.5
READ_BYTES = 16 * 1024
ACCEPTED_AT_ONCE = 32
MAX_CONNECTIONS = 512
"""All together, those that are answered included."""
BUSY = "503 Service Unavailable"

Callback = Callable[[], object]
Outcome = Literal["keep", "close", "drop"]
"""What becomes of a connection whose request was answered."""


class BufferedWorker(Worker):  # type: ignore[misc]  # gunicorn has no types
    """Accepts, reads and keeps answers in its loop; a thread for each request that is whole."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  as gunicorn calls it
        super().__init__(*args, **kwargs)
        self._waiting = Waiting()
        self._answering: dict[Connection, Lane] = {}
        self._answered: queue.SimpleQueue[tuple[Connection, Outcome]] = queue.SimpleQueue()

    def init_process(self) -> None:
        """Make what must not be shared with the master, then run."""
        self._poller = selectors.DefaultSelector()
        self._lanes = Lanes(self.cfg.threads)
        self._wake_reader, self._wake_writer = socket.socketpair()
        super().init_process()

    def run(self) -> None:
        """Serve until told to stop, then finish answers within the grace period."""
        for end in (self._wake_reader, self._wake_writer):
            end.settimeout(0)
        self._poller.register(self._wake_reader, selectors.EVENT_READ, self._finish)
        for listener in self.sockets:
            listener.settimeout(0)
            self._poller.register(listener, selectors.EVENT_READ, lambda listener=listener: self._accept(listener))
        while self.alive and self.ppid == os.getppid():
            self._turn()
        for listener in self.sockets:
            self._poller.unregister(listener)
        until_s = time.monotonic() + self.cfg.graceful_timeout
        while self._answering and time.monotonic() < until_s:
            self._turn()
        self._cut_off()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin the end (SIGTERM)."""
        super().handle_exit(sig, frame)
        self._wake()

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """End at once (SIGQUIT, SIGINT)."""
        self._cut_off()
        super().handle_quit(sig, frame)

    def _turn(self) -> None:
        self.notify()
        for key, _ in self._poller.select(LOOK_EVERY_S):
            key.data()
        now_s = time.monotonic()
        for connection in self._waiting.overdue(now_s):
            if connection.began:
                self._refuse(connection, "408 Request Timeout")
            else:
                self._drop(connection)

    def _cut_off(self) -> None:
        """End every connection, so that no thread goes on sending."""
        for connection in (*self._answering, *self._waiting):
            with suppress(OSError):
                connection.socket.shutdown(socket.SHUT_RDWR)

    # ---- in the loop: waiting for clients

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                client, peer = listener.accept()
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    # Room is made by whoever waits longest; what is pending is accepted then.
                    self._drop_oldest()
                return
            client.settimeout(0)
            if len(self._answering) + len(self._waiting) >= MAX_CONNECTIONS and not self._drop_oldest():
                client.close()
                continue
            connection = Connection(client, peer[0], peer[:2])
            self._await_request(connection, REQUEST_WITHIN_S)
            # A request that is there already must not wait among those that may be dropped.
            self._read(connection)
            while (surplus := self._waiting.surplus()) is not None:
                self._drop(surplus)

    def _drop_oldest(self) -> bool:
        oldest = next(iter(self._waiting), None)
        if oldest is not None:
            self._drop(oldest)
        return oldest is not None

    def _wait(self, connection: Connection, for_s: float, events: int, callback: Callback) -> None:
        connection.until_s = time.monotonic() + for_s
        self._waiting.add(connection)
        self._poller.register(connection.socket, events, callback)

    def _wait_no_longer(self, connection: Connection) -> None:
        self._waiting.remove(connection)
        self._poller.unregister(connection.socket)

    def _drop(self, connection: Connection) -> None:
        if connection in self._waiting:
            self._wait_no_longer(connection)
        connection.socket.close()

    def _await_request(self, connection: Connection, for_s: float) -> None:
        connection.began = bool(connection.buffer)
        self._wait(connection, for_s, selectors.EVENT_READ, lambda: self._read(connection))
        if connection.began:
            self._dispatch(connection)

    def _read(self, connection: Connection) -> None:
        data = self._received(connection)
        if not data:
            return
        if not connection.began:
            connection.began = True
            # However slowly the rest comes, it comes before this is over.
            connection.until_s = time.monotonic() + REQUEST_WITHIN_S
        connection.buffer.add(data)
        self._dispatch(connection)

    def _dispatch(self, connection: Connection) -> None:
        """Hand the request to a thread if it is whole."""
        try:
            request = connection.buffer.take()
        except RefusedRequestError as refusal:
            self._refuse(connection, refusal.status)
            return
        if request is None:
            return
        self._wait_no_longer(connection)
        lane = self._lanes.put(connection, request, self._serve)
        if lane is None:
            self._refuse(connection, BUSY)
        else:
            self._answering[connection] = lane

    def _refuse(self, connection: Connection, status: str) -> None:
        if connection in self._waiting:
            self._wait_no_longer(connection)
        with suppress(OSError):
            connection.socket.send(_refusal(status))
        self._linger(connection)

    def _linger(self, connection: Connection) -> None:
        """Close once the client has: a close with unread bytes would take the answer away from it."""
        connection.began = False
        try:
            connection.socket.shutdown(socket.SHUT_WR)
        except OSError:
            connection.socket.close()
            return
        self._wait(connection, LINGER_S, selectors.EVENT_READ, lambda: self._received(connection))

    def _received(self, connection: Connection) -> bytes:
        """Return the bytes that have come; drop the connection at its end."""
        # It may have been dropped since the poller told of it.
        if connection not in self._waiting:
            return b""
        try:
            data = connection.socket.recv(READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._drop(connection)
        return data

    def _finish(self) -> None:
        """Go on with connections that were answered."""
        with suppress(BlockingIOError):
            while self._wake_reader.recv(1024):
                pass
        while not self._answered.empty():
            connection, outcome = self._answered.get()
            self._answering.pop(connection).answered()
            if outcome == "drop":
                self._drop(connection)
            else:
                self._flush(connection, keep=outcome == "keep" and self.alive)

    def _flush(self, connection: Connection, *, keep: bool) -> None:
        """Wait without a thread until the client has taken its answer; then for its next request or its end."""
        try:
            done = connection.outbox.flush()
        except OSError:
            self._drop(connection)
            return
        if not done:
            if connection not in self._waiting:
                connection.began = False
                self._wait(connection, TAKE_WITHIN_S, selectors.EVENT_WRITE, lambda: self._flush(connection, keep=keep))
            return
        if connection in self._waiting:
            self._wait_no_longer(connection)
        if keep:
            self._await_request(connection, IDLE_S)
        else:
            self._linger(connection)

    def _wake(self) -> None:
        # A full buffer wakes as well.
        with suppress(BlockingIOError):
            self._wake_writer.send(b"\0")

    # ---- in a thread: answering

    def _serve(self, lane: Lane) -> None:
        while True:
            job = lane.get()
            # After an unforeseen error too, which ends this thread; another is started when it is needed.
            outcome: Outcome = "drop"
            try:
                outcome = self._answer(job)
            except OSError:
                # The client has gone, or takes nothing: as usual as coming.
                self.log.debug("a client has gone before its answer was sent")
            finally:
                self._answered.put((job.connection, outcome))
                self._wake()

    def _answer(self, job: Job) -> Outcome:
        connection = job.connection
        outbox, server = connection.outbox, connection.socket.getsockname()[:2]
        outbox.is_stream = False
        if job.is_late(time.monotonic()):
            outbox.sendall(_refusal(BUSY))
            return "close"
        try:
            message = next(RequestParser(self.cfg, iter((job.request,)), connection.peer))
            response, environ = wsgi.create(message, outbox, connection.peer, server, self.cfg)
        except (ParseException, StopIteration):
            outbox.sendall(_refusal("400 Bad Request"))
            return "close"
        environ |= {"wsgi.multithread": True, "gunicorn.socket": connection.socket}
        if not self.alive:
            response.force_close()
        chunks = self.wsgi(environ, response.start_response)
        try:
            outbox.is_stream = response.response_length is None
            for chunk in chunks:
                response.write(chunk)
            response.close()
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        return "close" if response.should_close() else "keep"


def _refusal(status: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode()
