"""A remembered choice of backend is renewed when a dependency of a backend appears, changes or vanishes."""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from detector.artifacts import Artifacts
from detector.backends import KINDS
from detector.dependencies import Host
from detector.geometry import InputSize
from detector.opening import Files
from detector.sealing import seal

Change = Callable[[Host, Path], Host | None]


def write(path: Path, text: str = "x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def write_driver(folder: Path, library: str) -> None:
    write(folder / "some_icd.json", json.dumps({"ICD": {"library_path": library, "api_version": "1.3"}}))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host with a Vulkan driver, a GPU and an Edge TPU's library."""
    root = tmp_path / "root"
    write(root / "usr/lib/libvulkan.so.1")
    write(root / "usr/lib/libedgetpu.so.1")
    write(root / "usr/lib/libvulkan_some.so")
    write_driver(root / "usr/share/vulkan/icd.d", "/usr/lib/libvulkan_some.so")
    write(root / "dev/dri/renderD128")
    write(root / "sys/class/drm/renderD128/device/uevent", "DRIVER=v3d")
    return Host(root, {"PATH": "/usr/bin", "HOME": "/home/pi"})


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """A model, of which nothing is made yet."""
    (tmp_path / "models").mkdir()
    write(tmp_path / "models" / "model.onnx", "a model")
    return Files(Artifacts(tmp_path / "models" / "model.onnx", InputSize(64, 64), 1, tmp_path / "cache"))


def with_variable(name: str, value: str) -> Change:
    return lambda host, _: replace(host, environment={**host.environment, name: value})


def with_driver_in(variable: str, folder: str) -> Change:
    def change(host: Host, _: Path) -> Host:
        write_driver(host.root / folder, "/usr/lib/libvulkan_some.so")
        named = "/" + folder.removesuffix("/vulkan/icd.d") if variable.startswith("XDG") else "/" + folder
        return replace(host, environment={**host.environment, variable: named})

    return change


def written(name: str, text: str = "new") -> Change:
    return lambda host, _: write(host.root / name, text)


def removed(name: str) -> Change:
    return lambda host, _: (host.root / name).unlink()


def with_stick(host: Host, _: Path) -> None:
    write(host.root / "sys/bus/usb/devices/1-1/idVendor", "18d1")
    write(host.root / "sys/bus/usb/devices/1-1/idProduct", "9302")


def with_library_in_the_linkers_cache(host: Host, _: Path) -> None:
    write(host.root / "opt/gpu/libvulkan.so.1")
    (host.root / "etc").mkdir()
    (host.root / "etc/ld.so.cache").write_bytes(b"glibc-ld.so.cache1.1\0libvulkan.so.1\0/opt/gpu/libvulkan.so.1\0")


def with_library_path(host: Host, _: Path) -> Host:
    write(host.root / "opt/coral/libedgetpu.so.1")
    return replace(host, environment={**host.environment, "LD_LIBRARY_PATH": "/opt/coral"})


def with_relative_driver(host: Host, _: Path) -> None:
    write_driver(host.root / "etc/vulkan/icd.d", "../lib/libvulkan_other.so")


def with_another_driver_behind_the_link(host: Host, _: Path) -> None:
    library = host.root / "usr/lib/libvulkan_some.so"
    write(host.root / "usr/lib/libvulkan_some.so.2", "another driver")
    library.unlink()
    library.symlink_to("libvulkan_some.so.2")


CHANGES: Mapping[str, Change] = {
    "loader vanishes": removed("usr/lib/libvulkan.so.1"),
    "loader is updated": written("usr/lib/libvulkan.so.1", "another version"),
    "loader elsewhere": with_library_in_the_linkers_cache,
    "driver's manifest appears": written("usr/share/vulkan/icd.d/other_icd.json"),
    "driver's manifest vanishes": removed("usr/share/vulkan/icd.d/some_icd.json"),
    "driver is updated": written("usr/lib/libvulkan_some.so", "another version"),
    "driver behind a link": with_another_driver_behind_the_link,
    "driver vanishes": removed("usr/lib/libvulkan_some.so"),
    "driver named relative to its manifest": with_relative_driver,
    "layer appears": written("etc/vulkan/implicit_layer.d/layer.json", "{}"),
    "driver in VK_DRIVER_FILES": with_driver_in("VK_DRIVER_FILES", "opt/icd"),
    "driver in VK_ICD_FILENAMES": with_driver_in("VK_ICD_FILENAMES", "opt/icd/some_icd.json"),
    "driver in XDG_DATA_HOME": with_driver_in("XDG_DATA_HOME", "data/vulkan/icd.d"),
    "driver in HOME": written("home/pi/.local/share/vulkan/icd.d/mine.json"),
    "driver selected": with_variable("VK_LOADER_DRIVERS_SELECT", "lvp*"),
    "threads of OpenMP": with_variable("OMP_NUM_THREADS", "2"),
    "GPU appears": written("dev/dri/renderD129"),
    "GPU vanishes": removed("dev/dri/renderD128"),
    "another kernel driver": written("sys/class/drm/renderD128/device/uevent", "DRIVER=panfrost"),
    "Nvidia's driver appears": written("proc/driver/nvidia/version", "550"),
    "Coral's library vanishes": removed("usr/lib/libedgetpu.so.1"),
    "Coral's library elsewhere": with_library_path,
    "Coral on PCIe": written("dev/apex_0"),
    "Coral on USB": with_stick,
    "Coral's model": lambda _, models: write(
        models / "ssd_mobilenet_v2_face_quant_postprocess_edgetpu.tflite", "a model"
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_dependency_renews_the_choice(change: Change, host: Host, files: Files, tmp_path: Path) -> None:
    before = files.dependencies(host)
    assert files.dependencies(host) == before
    after = files.dependencies(change(host, tmp_path / "models") or host)
    assert after != before


def test_a_changed_dependency_renews_the_choice_and_its_return_finds_it_again(host: Host, files: Files) -> None:
    library, aside = host.root / "usr/lib/libvulkan.so.1", host.root / "aside"
    before = files.dependencies(host)
    library.rename(aside)
    assert files.dependencies(host) != before
    aside.rename(library)
    assert files.dependencies(host) == before


@pytest.mark.parametrize(
    "change",
    [
        written("usr/lib/libpng.so.16"),
        written("usr/share/vulkan/registry.xml"),
        written("dev/video0"),
        with_variable("LOG_LEVEL", "debug"),
    ],
)
def test_what_no_backend_uses_renews_nothing(change: Change, host: Host, files: Files, tmp_path: Path) -> None:
    before = files.dependencies(host)
    assert files.dependencies(change(host, tmp_path) or host) == before


def test_a_stick_that_changes_its_usb_id_renews_nothing(host: Host, files: Files) -> None:
    with_stick(host, host.root)
    used = files.dependencies(host)
    write(host.root / "sys/bus/usb/devices/1-1/idVendor", "1a6e")
    write(host.root / "sys/bus/usb/devices/1-1/idProduct", "089a")
    assert files.dependencies(host) == used


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
def test_a_device_that_opens_renews_the_choice(host: Host, files: Files) -> None:
    device = host.root / "dev/dri/renderD128"
    device.chmod(0)
    before = files.dependencies(host)
    device.chmod(0o600)
    assert files.dependencies(host) != before


@pytest.mark.parametrize(
    "package", ["onnxruntime", "apache-tvm", "apache-tvm-ffi", "ncnn", "ai-edge-litert", "tflite-runtime"]
)
def test_another_version_of_a_package_renews_the_choice(
    package: str, host: Host, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files.dependencies(host)
    folder = tmp_path / "site" / f"{package.replace('-', '_')}-99.0.dist-info"
    write(folder / "METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 99.0\n")
    monkeypatch.syspath_prepend(str(folder.parent))
    assert files.dependencies(host) != before
    shutil.rmtree(folder)


def test_a_made_file_counts_by_its_content(host: Host, files: Files, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    made = files.path("ncnn")
    states = []
    for content in (None, "a network", "another", "another"):
        if content is not None:
            write(made, content)
            seal(made)
        states.append(files.dependencies(host))
    assert states[0] != states[1] != states[2] == states[3]


def test_each_backend_names_its_dependencies() -> None:
    assert [name for name, kind in KINDS.items() if not kind.depends.packages] == []


def test_the_choice_is_named_by_its_dependencies(files: Files, tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path / "models" / "model.onnx", InputSize(64, 64), 1, tmp_path / "cache")
    one, other = artifacts.choice("cpu", ["package ncnn 1"]), artifacts.choice("cpu", ["package ncnn 2"])
    assert len({one, other, artifacts.choice("another-cpu", ["package ncnn 1"])}) == 3
    assert artifacts.choice("cpu", ["package ncnn 1"]) == one
    assert replace(artifacts, threads=2).choice("cpu", ["package ncnn 1"]) != one
    assert files.choice.parent == tmp_path / "cache"
