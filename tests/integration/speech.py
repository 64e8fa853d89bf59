"""What the tests of speech share: an ALSA device that writes to a file, stand-ins for engines, a media player."""

import array
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

from iot_bridge.speech.sounds import Sound

from tests.servers import HUNG_S

SPEAKER = "speaker"


def peak(sound: Sound) -> int:
    """Return the loudest sample of 16 bits."""
    assert sound.width_bytes == 2
    samples = array.array("h", sound.frames)
    return max(abs(sample) for sample in samples)


def alsa(folder: Path) -> tuple[Path, Path]:
    """Write a configuration of ALSA with a device that plays into a file; returns both."""
    configuration, heard = folder / "asound.conf", folder / "heard.wav"
    configuration.write_text(
        f'pcm.nothing {{ type null }}\npcm.{SPEAKER} {{ type file slave.pcm "nothing" file "{heard}" format "wav" }}\n',
        encoding="utf-8",
    )
    return configuration, heard


def stand_in(folder: Path, name: str, body: str) -> str:
    """Write a program for a test; returns its path."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{textwrap.dedent(body)}", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def fake_piper(folder: Path) -> str:
    """Write a program that takes piper's command line, as of piper-tts 1.8: a text in, a WAV of 16 kHz out."""
    return stand_in(
        folder,
        "piper",
        """
        import argparse, io, pathlib, sys, wave
        parser = argparse.ArgumentParser()
        parser.add_argument("-m", "--model", required=True)
        parser.add_argument("-f", "--output-file", "--output_file", required=True)
        told = parser.parse_args()
        assert told.output_file == "-"
        assert pathlib.Path(told.model + ".json").exists()
        text = sys.stdin.read()
        assert text.endswith("\\n") and text.count("\\n") == 1
        out = io.BytesIO()
        with wave.open(out, "wb") as wav:
            wav.setparams((1, 2, 16000, 0, "NONE", ""))
            wav.writeframes(bytes([0, 64]) * (800 * len(text)))
        sys.stdout.buffer.write(out.getvalue())
        """,
    )


def voice(folder: Path, name: str = "en.onnx") -> Path:
    """Write what looks like a voice of piper from outside."""
    path = folder / name
    path.write_bytes(b"network")
    (folder / f"{name}.json").write_text("{}", encoding="utf-8")
    return path


def only(folder: Path, *programs: str) -> str:
    """Return a PATH on which nothing is but these programs."""
    folder.mkdir(exist_ok=True)
    for program in programs:
        (folder / Path(program).name).symlink_to(program)
    return str(folder)


@dataclass(slots=True)
class Player:
    """A media player that takes sounds by POST: what it got, and what it answers."""

    status: int = 200
    hang: Event = field(default_factory=Event)
    port: int = 0
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/play"


@contextmanager
def player() -> Iterator[Player]:
    """Run a media player until the block ends."""
    found = Player()
    found.hang.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            # Whoever sees the request may at once want another answer to the next one.
            status = found.status
            found.got.append((self.path, dict(self.headers), body))
            found.hang.wait(HUNG_S)
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.port = server.server_port
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield found
        finally:
            found.hang.set()
            server.shutdown()
            thread.join()
