"""Models and photos come from packages, byte for byte; pip and npm are the real ones, their registries local."""

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from facewire.models import Asset, ModelError, fetch, model_path, read_manifest, verify
from tests.servers import HUNG_S, program, wait_for

MODEL, PHOTO = b"weights" * 1000, b"\xff\xd8 a photo"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def manifest(folder: Path, **changes: str) -> Path:
    """Write a manifest of one model and one photo, the model's entry with some changes."""
    model = {
        "name": "net",
        "use": "a test",
        "source": "pypi",
        "package": "carrier",
        "version": "1.0",
        "file": "carrier/net.onnx",
        "sha256": sha256(MODEL),
        "licence": "MIT",
    }
    photo = model | {
        "name": "photo",
        "source": "npm",
        "package": "@scope/photos",
        "version": "2.0.0",
        "file": "package/photo.jpg",
        "sha256": sha256(PHOTO),
    }
    path = folder / "manifest.toml"
    tables = (model | changes, photo)
    path.write_text(
        "\n".join("[[asset]]\n" + "\n".join(f'{key} = "{value}"' for key, value in table.items()) for table in tables),
        encoding="utf-8",
    )
    return path


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes packages from instead of the network; it holds `carrier` 1.0."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    with zipfile.ZipFile(folder / "carrier-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("carrier/net.onnx", MODEL)
        wheel.writestr("carrier-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n")
        wheel.writestr("carrier-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("carrier-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def npm_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A registry that npm takes packages from; it has `@scope/photos` 2.0.0."""
    program("npm")
    tarball = io.BytesIO()
    files = {"package.json": b'{"name": "@scope/photos", "version": "2.0.0"}', "photo.jpg": PHOTO}
    with tarfile.open(fileobj=tarball, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))

    class Registry(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = f"http://127.0.0.1:{self.connection.getsockname()[1]}/photos.tgz"
            version = {"name": "@scope/photos", "version": "2.0.0", "dist": {"tarball": address}}
            answers = {
                "/@scope%2fphotos": json.dumps({"name": "@scope/photos", "versions": {"2.0.0": version}}).encode(),
                "/photos.tgz": tarball.getvalue(),
            }
            answer = answers.get(self.path)
            self.send_response(200 if answer else 404)
            self.end_headers()
            self.wfile.write(answer or b"{}")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{server.server_address[1]}/")
        yield
        server.shutdown()


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "facewire.models", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=HUNG_S, check=False)


def one_line(complaint: subprocess.CompletedProcess[str]) -> str:
    """Return what an operator's mistake is answered with."""
    assert complaint.returncode == 2, complaint
    assert complaint.stderr.startswith("facewire: ")
    assert complaint.stderr.count("\n") == 1
    return complaint.stderr


@pytest.mark.usefixtures("wheels", "npm_registry")
def test_everything_is_fetched_from_pip_and_npm_and_nothing_else_stays(tmp_path: Path) -> None:
    target = tmp_path / "models"

    done = run("fetch", target, "--manifest", manifest(tmp_path))

    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_bytes() for path in target.iterdir()} == {"net.onnx": MODEL, "photo.jpg": PHOTO}
    assert "net: fetched, sha256 is right" in done.stdout
    assert run("verify", target, "--manifest", manifest(tmp_path)).returncode == 0


def test_what_is_right_already_is_left_alone_without_any_registry(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(MODEL)
    before = (tmp_path / "net.onnx").stat().st_mtime_ns
    said: list[str] = []

    fetch(read_manifest(manifest(tmp_path))[:1], tmp_path, said.append)

    assert said == ["net: there already"]
    assert (tmp_path / "net.onnx").stat().st_mtime_ns == before


@pytest.mark.usefixtures("wheels")
def test_a_file_that_rotted_is_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"rotten")

    fetch(read_manifest(manifest(tmp_path))[:1], tmp_path, lambda _line: None)

    assert (tmp_path / "net.onnx").read_bytes() == MODEL


@pytest.mark.usefixtures("wheels")
def test_a_wrong_hash_names_file_and_both_hashes_and_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "models"

    said = one_line(run("fetch", target, "net", "--manifest", manifest(tmp_path, sha256="0" * 64)))

    assert "carrier/net.onnx" in said
    assert "0" * 64 in said
    assert sha256(MODEL) in said
    assert list(target.iterdir()) == []


@pytest.mark.usefixtures("wheels")
@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"version": "9.9"}, "carrier==9.9 cannot be fetched: the package registry does not have it"),
        ({"file": "carrier/gone.onnx"}, "has no intact carrier/gone.onnx: correct models/manifest.toml"),
    ],
)
def test_what_the_registry_lacks_is_said(tmp_path: Path, changes: dict[str, str], complaint: str) -> None:
    target = tmp_path / "models"

    assert complaint in one_line(run("fetch", target, "net", "--manifest", manifest(tmp_path, **changes)))
    assert list(target.iterdir()) == []


def test_a_registry_out_of_reach_is_said_without_its_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://user:secret@127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")

    said = one_line(run("fetch", tmp_path / "models", "net", "--manifest", manifest(tmp_path)))

    assert "the package registry cannot be reached: check the network" in said
    assert "secret" not in said


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file, no folder", encoding="utf-8")

    assert "may write to" in one_line(run("fetch", tmp_path / "models", "--manifest", manifest(tmp_path)))


def test_verify_says_what_is_missing_and_what_is_wrong(tmp_path: Path) -> None:
    assets = read_manifest(manifest(tmp_path))
    with pytest.raises(ModelError, match=r"missing .*net.onnx: run `python -m facewire.models fetch"):
        verify(assets, tmp_path)

    (tmp_path / "net.onnx").write_bytes(b"rotten")
    with pytest.raises(
        ModelError, match=f"net.onnx is wrong: expected sha256 {sha256(MODEL)}, found {sha256(b'rotten')}"
    ):
        verify(assets, tmp_path)


def test_an_unknown_name_is_answered_with_those_there_are(tmp_path: Path) -> None:
    said = one_line(run("fetch", tmp_path, "nett", "--manifest", manifest(tmp_path)))

    assert "'nett'" in said
    assert "net, photo" in said


def test_a_manifest_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "manifest.toml").write_text("[[asset]]\nnom = 1", encoding="utf-8")

    assert "restore it from the repository" in one_line(
        run("verify", tmp_path, "--manifest", tmp_path / "manifest.toml")
    )


def test_nothing_stays_behind_when_a_fetch_is_stopped(tmp_path: Path) -> None:
    target = tmp_path / "models"
    # A server that accepts and never answers keeps pip waiting.
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as silent:
        environment = os.environ | {"PIP_INDEX_URL": f"http://127.0.0.1:{silent.server_address[1]}/simple"}
        arguments = [sys.executable, "-m", "facewire.models", "fetch", str(target), "net"]
        arguments += ["--manifest", str(manifest(tmp_path))]
        with subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL) as fetching:
            wait_for(lambda: target.exists() and any(target.iterdir()), what="the fetch to begin")
            time.sleep(0.3)
            fetching.send_signal(signal.SIGTERM)
            assert fetching.wait(HUNG_S) == 128 + signal.SIGTERM

    assert list(target.iterdir()) == []


def test_a_service_without_its_model_ends_with_one_line_that_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        model_path(tmp_path, "yunet")

    assert end.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("facewire: missing model ")
    assert said.endswith(f"run `python -m facewire.models fetch {tmp_path}`\n")


def test_the_manifest_pins_everything_it_lists() -> None:
    assets = read_manifest()

    assert {"yunet", "edgetpu-face"} <= {asset.name for asset in assets}
    assert len({asset.name for asset in assets}) == len({asset.path(Path()) for asset in assets}) == len(assets)
    for asset in assets:
        assert isinstance(asset, Asset)
        assert asset.source in {"pypi", "npm", "url"}
        assert len(bytes.fromhex(asset.sha256 or asset.git_blob)) == (32 if asset.sha256 else 20)
        # What this machine, or another without a way there, cannot have must not stop the others.
        assert asset.optional or asset.source != "url"
        assert asset.source != "url" or asset.url.startswith("https://")
        assert asset.licence
        assert all(side is None or side % 32 == 0 for side in (asset.input_width_px, asset.input_height_px))


def test_the_module_needs_nothing_but_the_standard_library() -> None:
    code = "import sys; before = set(sys.modules); import facewire.models; print(*(set(sys.modules) - before))"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names == {"facewire"}
