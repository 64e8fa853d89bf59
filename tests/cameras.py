"""Cameras that tests play: servers on a free port that answer as they are told, over TCP, with or without TLS."""

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from tests.servers import free_port, program


def jpeg(shade: int = 90, size: tuple[int, int] = (160, 120)) -> bytes:
    """Return a picture of one shade, (width, height)."""
    return cv2.imencode(".jpg", np.full((size[1], size[0], 3), shade, np.uint8))[1].tobytes()


@dataclass(slots=True)
class Visit:
    """One connection to a camera: the request's lines, and what may be sent."""

    number: int
    line: socket.socket
    gone: threading.Event
    request: list[str] = field(default_factory=list)

    def send(self, *data: bytes | str) -> None:
        self.line.sendall(b"".join(part.encode() if isinstance(part, str) else part for part in data))

    def header(self, name: str) -> str:
        found = [line.partition(":")[2].strip() for line in self.request if line.lower().startswith(f"{name.lower()}:")]
        return found[0] if found else ""

    def read_request(self) -> bool:
        """Read the lines of a request; False where none came."""
        head = b""
        while b"\r\n\r\n" not in head:
            data = self.line.recv(4096)
            if not data:
                return False
            head += data
        self.request = head.decode("latin-1").split("\r\n\r\n")[0].split("\r\n")
        return True

    def hold(self, seconds: float = 60) -> None:
        """Keep the connection open, and say nothing."""
        self.gone.wait(seconds)


Serve = Callable[[Visit], None]


class FakeCamera:
    """Serves each connection with a function, in a thread of its own; it may be away and come back.

    Args:
        serve: answers a request that was read.
        tls: a certificate with its key, for TLS.
        reads: whether the request is read first.
    """

    def __init__(self, serve: Serve, *, tls: Path | None = None, reads: bool = True) -> None:
        self.port = free_port()
        self.serve = serve
        self.visits: list[Visit] = []
        self._reads = reads
        self._gone = threading.Event()
        self._listening: socket.socket | None = None
        self._context: ssl.SSLContext | None = None
        if tls is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(tls)

    def come(self) -> None:
        self._gone = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listening, self._gone), daemon=True).start()

    def go(self) -> None:
        self._gone.set()
        if self._listening is not None:
            # Closing alone does not wake the thread that accepts.
            with suppress(OSError):
                self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
            self._listening = None

    def _accept(self, listening: socket.socket, gone: threading.Event) -> None:
        while not gone.is_set():
            try:
                line, _ = listening.accept()
            except OSError:
                return
            visit = Visit(len(self.visits), line, gone)
            self.visits.append(visit)
            threading.Thread(target=self._answer, args=(visit,), daemon=True).start()

    def _answer(self, visit: Visit) -> None:
        with suppress(OSError), visit.line:
            if self._context is not None:
                visit.line = self._context.wrap_socket(visit.line, server_side=True)
            if not self._reads or visit.read_request():
                self.serve(visit)
            with suppress(OSError):
                visit.line.shutdown(socket.SHUT_WR)
            visit.line.close()


@contextmanager
def fake_camera(serve: Serve, *, tls: Path | None = None, reads: bool = True) -> Iterator[FakeCamera]:
    """Yield a camera that is there until the block ends."""
    camera = FakeCamera(serve, tls=tls, reads=reads)
    camera.come()
    try:
        yield camera
    finally:
        camera.go()


def answering(status: str, *headers: str, body: bytes = b"", protocol: str = "HTTP/1.1") -> Serve:
    """Return what answers every request alike, and closes."""

    def serve(visit: Visit) -> None:
        visit.send("\r\n".join([f"{protocol} {status}", *headers, "", ""]), body)

    return serve


def closing(_visit: Visit) -> None:
    """Hang up without an answer."""


def streaming(*, pictures: int | None = None, every_s: float = 0.05, image: bytes | None = None) -> Serve:
    """Return what streams pictures as multipart, so many or for ever."""
    shown = image or jpeg()

    def serve(visit: Visit) -> None:
        visit.send("HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n")
        sent = 0
        while (pictures is None or sent < pictures) and not visit.gone.is_set():
            visit.send(f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(shown)}\r\n\r\n", shown, "\r\n")
            sent += 1
            time.sleep(every_s)

    return serve


def certificate(folder: Path) -> Path:
    """Make a certificate that its own key signed, as cameras have them, in one file with the key."""
    path = folder / "camera.pem"
    arguments = [
        program("openssl"),
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=camera",
    ]
    subprocess.run([*arguments, "-keyout", path, "-out", folder / "camera.crt"], check=True, capture_output=True)
    path.write_text(path.read_text() + (folder / "camera.crt").read_text())
    return path


def rtsp_streaming(*, shade: int = 90, lasts_s: float = 60, challenge: str = "", wanted: str = "") -> Serve:
    """Return what streams JPEG over RTSP and its connection (RFC 2326, RFC 2435), as FFmpeg asks for it.

    Args:
        shade: of the pictures, 160x120.
        lasts_s: after which it hangs up.
        challenge: what it answers to a request without the wanted authorization.
        wanted: the `Authorization` header that it wants.
    """
    image = jpeg(shade)
    scan = image.index(b"\xff\xda")
    data = image[scan + 2 + int.from_bytes(image[scan + 2 : scan + 4], "big") : -2]
    # Fragment offset 0, type 1 (4:2:0), quality 95 as OpenCV's, width and height in eights.
    payload = bytes([0, 0, 0, 0, 1, 95, 160 // 8, 120 // 8]) + data

    def serve(visit: Visit) -> None:
        more = True
        while more:
            method, sequence = visit.request[0].split(" ", 1)[0], visit.header("CSeq")
            status, fields, body = "200 OK", "", ""
            if challenge and method != "OPTIONS" and visit.header("Authorization") != wanted:
                status, fields = "401 Unauthorized", f"WWW-Authenticate: {challenge}\r\n"
            elif method == "OPTIONS":
                fields = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
            elif method == "DESCRIBE":
                body = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:track1\r\n"
                fields = f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
            elif method == "SETUP":
                fields = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 7\r\n"
            visit.send(f"RTSP/1.0 {status}\r\nCSeq: {sequence}\r\n{fields}\r\n{body}")
            if method == "PLAY":
                return play(visit)
            more = visit.read_request()
        return None

    def play(visit: Visit) -> None:
        end_s, number = time.monotonic() + lasts_s, 0
        while time.monotonic() < end_s and not visit.gone.wait(0.04):
            number += 1
            head = (
                bytes([0x80, 0x80 | 26]) + number.to_bytes(2, "big") + (3600 * number).to_bytes(4, "big") + b"\0\0\0\7"
            )
            packet = head + payload
            visit.send(b"$\0" + len(packet).to_bytes(2, "big") + packet)

    return serve
