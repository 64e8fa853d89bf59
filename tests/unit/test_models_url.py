"""A file at an address is brought whole and right, or not at all; the servers are real ones on this machine."""

import hashlib
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from facewire.download import Limits
from facewire.models import Asset, ModelError, fetch, read_manifest, verify
from tests.servers import HUNG_S
from tests.unit.test_models import one_line, run

CONTENT = bytes(range(256)) * 1000
LIMITS = Limits(size_bytes=1_000_000, silence_s=HUNG_S, total_s=HUNG_S)
NO_SILENCE, NO_TIME = replace(LIMITS, silence_s=0.5), replace(LIMITS, total_s=1.0)
Answer = Callable[[BaseHTTPRequestHandler], None]


def git_blob(content: bytes) -> str:
    """Ask git itself, whose names these are."""
    done = subprocess.run(["git", "hash-object", "--stdin"], input=content, capture_output=True, check=True)
    return done.stdout.decode().strip()


def send(handler: BaseHTTPRequestHandler, content: bytes, *, announced: int | None) -> None:
    handler.send_response(200)
    if announced is not None:
        handler.send_header("Content-Length", str(announced))
    handler.end_headers()
    handler.wfile.write(content)


def whole(handler: BaseHTTPRequestHandler) -> None:
    send(handler, CONTENT, announced=len(CONTENT))


def without_length(handler: BaseHTTPRequestHandler) -> None:
    send(handler, CONTENT, announced=None)


def truncated(handler: BaseHTTPRequestHandler) -> None:
    send(handler, CONTENT[:-7], announced=len(CONTENT))


def announced_too_large(handler: BaseHTTPRequestHandler) -> None:
    send(handler, b"", announced=LIMITS.size_bytes + 1)


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(LIMITS.size_bytes // len(CONTENT) + 2):
        handler.wfile.write(CONTENT)


def missing(handler: BaseHTTPRequestHandler) -> None:
    handler.send_error(404)


def silent(handler: BaseHTTPRequestHandler) -> None:
    send(handler, CONTENT[:100], announced=len(CONTENT))
    time.sleep(HUNG_S)


def trickling(handler: BaseHTTPRequestHandler) -> None:
    send(handler, b"", announced=len(CONTENT))
    for byte in CONTENT:
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        time.sleep(0.1)


def redirect(handler: BaseHTTPRequestHandler, to: str) -> None:
    handler.send_response(302)
    handler.send_header("Location", to)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def circling(handler: BaseHTTPRequestHandler) -> None:
    redirect(handler, handler.path)


def wandering(handler: BaseHTTPRequestHandler) -> None:
    redirect(handler, handler.path + "x")


def to_a_local_file(handler: BaseHTTPRequestHandler) -> None:
    redirect(handler, "file:///etc/hostname")


def to_another_protocol(handler: BaseHTTPRequestHandler) -> None:
    redirect(handler, "ftp://127.0.0.1/net.tflite")


def moved_once(handler: BaseHTTPRequestHandler) -> None:
    if handler.path == "/moved":
        whole(handler)
    else:
        redirect(handler, "/moved")


@contextmanager
def served(answer: Answer) -> Iterator[str]:
    """Serve one answer to every request; yields the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            # Who gives up closes the connection on us.
            with suppress(OSError):
                answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/net.tflite"
        server.shutdown()


def asset(url: str, git_blob_id: str) -> Asset:
    return Asset(
        name="net", use="a test", source="url", url=url, file="net.tflite", git_blob=git_blob_id, licence="MIT"
    )


def fetch_quietly(wanted: Asset, folder: Path, limits: Limits = LIMITS) -> None:
    fetch([wanted], folder, lambda _line: None, limits)


@pytest.mark.parametrize("answer", [whole, without_length, moved_once])
def test_a_file_arrives_and_its_git_name_is_checked(answer: Answer, tmp_path: Path) -> None:
    with served(answer) as url:
        wanted = asset(url, git_blob(CONTENT))
        fetch_quietly(wanted, tmp_path)

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"net.tflite": CONTENT}
    verify([wanted], tmp_path)


def test_what_is_right_already_needs_no_server(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(CONTENT)
    said: list[str] = []

    fetch([asset("http://127.0.0.1:9/", git_blob(CONTENT))], tmp_path, said.append, LIMITS)

    assert said == ["net: there already"]


@pytest.mark.parametrize(
    ("answer", "complaint", "limits"),
    [
        (truncated, f"cut off after {len(CONTENT) - 7} of {len(CONTENT)} bytes", LIMITS),
        (announced_too_large, "1000001 bytes are announced, more than the 1000000", LIMITS),
        (endless, "longer than the 1000000 bytes", LIMITS),
        (missing, "the server answers 404 Not Found", LIMITS),
        (silent, "the server fell silent", NO_SILENCE),
        (trickling, "took longer than 1 s", NO_TIME),
        (circling, "the server sends us on without end, or off the web", LIMITS),
        (wandering, "the server sends us on without end, or off the web", LIMITS),
        (to_a_local_file, "the server sends us on without end, or off the web", LIMITS),
        (to_another_protocol, "is no http or https address", LIMITS),
    ],
)
def test_what_goes_wrong_is_said_in_time_and_the_old_file_stays(
    answer: Answer, complaint: str, limits: Limits, tmp_path: Path
) -> None:
    (tmp_path / "net.tflite").write_bytes(b"an older one")

    with served(answer) as url, pytest.raises(ModelError, match=complaint) as caught:
        fetch_quietly(asset(url, git_blob(CONTENT)), tmp_path, limits)

    assert f"bring {url} to {tmp_path / 'net.tflite'} yourself" in str(caught.value)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"net.tflite": b"an older one"}


def test_another_file_than_expected_is_refused(tmp_path: Path) -> None:
    expected, found = git_blob(CONTENT + b"!"), git_blob(CONTENT)

    with (
        served(whole) as url,
        pytest.raises(ModelError, match=f"is wrong: expected git blob id {expected}, found {found}"),
    ):
        fetch_quietly(asset(url, expected), tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/x", "/etc/hostname", "http:///x"])
def test_only_the_web_is_asked(url: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is no http or https address"):
        fetch_quietly(asset(url, "0" * 40), tmp_path)


def test_a_server_out_of_reach_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"the server cannot be reached .*: check the network"):
        fetch_quietly(asset("http://127.0.0.1:9/net.tflite", "0" * 40), tmp_path)


@pytest.mark.parametrize("proxy", ["http://user:s3cr3t/word@127.0.0.1:9", "http://user:s3cr3t"])
def test_a_proxy_that_cannot_be_used_is_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, proxy: str) -> None:
    monkeypatch.setenv("http_proxy", proxy)

    with pytest.raises(ModelError, match="the server") as caught:
        fetch_quietly(asset("http://192.0.2.1/net.tflite", "0" * 40), tmp_path)

    assert "s3cr3t" not in str(caught.value)


def listing(folder: Path, address: str, **changes: object) -> Path:
    """Write a manifest of one optional file at an address."""
    fields: dict[str, object] = {
        "name": "net",
        "use": "a test",
        "source": "url",
        "url": address,
        "file": "net.tflite",
        "git_blob": git_blob(CONTENT),
        "licence": "MIT",
    }
    lines = [f'{key} = "{value}"' for key, value in (fields | changes).items() if value is not None]
    path = folder / "manifest.toml"
    path.write_text("\n".join(["[[asset]]", "optional = true", *lines]), encoding="utf-8")
    return path


def test_what_is_optional_comes_by_name_only_and_how_is_said(tmp_path: Path) -> None:
    target = tmp_path / "models"
    with served(whole) as url:
        manifest = listing(tmp_path, url)
        without = run("fetch", target, "--manifest", manifest)
        assert without.returncode == 0, without.stderr
        assert f"left out: net; for one: `python -m facewire.models fetch {target} NAME`" in without.stdout
        assert list(target.iterdir()) == []

        named = run("fetch", target, "net", "--manifest", manifest)

    assert named.returncode == 0, named.stderr
    assert "net: fetched, git blob id is right" in named.stdout
    assert (target / "net.tflite").read_bytes() == CONTENT
    assert run("verify", target, "net", "--manifest", manifest).returncode == 0


def test_a_failed_download_is_one_line(tmp_path: Path) -> None:
    with served(missing) as url:
        said = one_line(run("fetch", tmp_path / "models", "net", "--manifest", listing(tmp_path, url)))

    assert "net cannot be fetched: the server answers 404" in said


@pytest.mark.parametrize(
    "changes",
    [
        {"git_blob": None},
        {"sha256": hashlib.sha256(CONTENT).hexdigest()},
        {"url": None},
        {"source": "pypi"},
    ],
)
def test_an_entry_must_say_one_place_and_one_hash(tmp_path: Path, changes: dict[str, object]) -> None:
    manifest = listing(tmp_path, "https://192.0.2.1/net.tflite", **changes)

    with pytest.raises(ModelError, match="restore it from the repository"):
        read_manifest(manifest)
