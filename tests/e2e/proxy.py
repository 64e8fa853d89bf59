"""A small reverse proxy: below a path, with headers as proxies send them, and at times hung or refusing."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Thread


@dataclass(slots=True)
class Proxy:
    """Passes requests on to a server.

    Args:
        upstream: the server's port.
        prefix: the path that it serves the server below; other paths are answered 404.
        strips: takes the prefix away from what it passes on.
        headers: what it adds to each request.
        host: the Host that it passes on; empty for the client's own.
    """

    upstream: int
    prefix: str = ""
    strips: bool = True
    headers: tuple[str, ...] = ()
    host: str = ""
    status: str = ""
    """Answers every new request with this status, if not empty."""
    hung: tuple[str, ...] = ()
    """Of paths that contain one of these nothing is passed on, in connections that are open either."""
    cut: bool = False
    """Ends what is being passed on."""
    port: int = 0
    asked: list[str] = field(default_factory=list)
    _stop: Event = field(default_factory=Event)

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{self.prefix}{path}"

    def serve(self, listener: socket.socket) -> None:
        while not self._stop.is_set():
            try:
                client, _ = listener.accept()
            except OSError:
                return
            Thread(target=self._handle, args=(client,), daemon=True).start()

    def close(self) -> None:
        self._stop.set()

    def _handle(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            client.settimeout(60)
            head = b""
            while b"\r\n\r\n" not in head:
                piece = client.recv(65536)
                if not piece:
                    return
                head += piece
            method, path, rest = head.decode("latin-1").split(" ", 2)
            self.asked.append(path)
            if self.prefix and path != self.prefix and not path.startswith((f"{self.prefix}/", f"{self.prefix}?")):
                client.sendall(b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                return
            if self.status:
                client.sendall(f"HTTP/1.1 {self.status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode())
                return
            passed = (path[len(self.prefix) :] or "/") if self.strips else path
            self._relay(client, path, f"{method} {passed} {self._with_headers(rest)}")

    def _with_headers(self, rest: str) -> str:
        first, *lines = rest.split("\r\n")
        kept = [line for line in lines if not line.lower().startswith("connection:")]
        if self.host:
            kept = [f"Host: {self.host}" if line.lower().startswith("host:") else line for line in kept]
        return "\r\n".join([first, *self.headers, "Connection: close", *kept])

    def _relay(self, client: socket.socket, path: str, request: str) -> None:
        with socket.create_connection(("127.0.0.1", self.upstream), 10) as server:
            server.settimeout(60)
            server.sendall(request.encode("latin-1"))
            while (piece := server.recv(65536)) and not self.cut:
                while any(part in path for part in self.hung) and not self._stop.wait(0.05):
                    pass
                client.sendall(piece)


@contextmanager
def proxy(upstream: int, **how: object) -> Iterator[Proxy]:
    """Run a proxy on a free port until the block ends."""
    made = Proxy(upstream, **how)  # type: ignore[arg-type]
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        made.port = listener.getsockname()[1]
        Thread(target=made.serve, args=(listener,), daemon=True).start()
        yield made
        made.close()
