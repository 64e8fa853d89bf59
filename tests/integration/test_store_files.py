"""The store after a power cut: whatever lies behind its append-only file, it comes back with all before that."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.storing import log_of, shipped_store, start
from tests.servers import GOES_WITHIN_S

QUICK = ("--appendfsync", "no")
"""Who only kills a process need not wait for the disk."""
WRITES = 20
"""Writes before the damage; each is a transaction of an event and the counter of track ids, as the tracker's are."""


def write(folder: Path, *, rewritten: bool = False) -> None:
    """Write to a store, and end it as a power cut does."""
    with shipped_store(folder, *QUICK) as store:
        store.client.hset("controls", "privacy:door", "on")
        for number in range(1, WRITES + 1):
            if rewritten and number == WRITES // 2:
                store.client.bgrewriteaof()
            with store.client.pipeline(transaction=True) as pipe:
                pipe.set("track_id", number)
                pipe.xadd("events", {"m": b"x" * 500})
                pipe.execute()
        store.kill()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Stores that were written to and killed, by whether their file was written anew in between."""
    folders = {rewritten: tmp_path_factory.mktemp("written") / "store" for rewritten in (False, True)}
    for rewritten, folder in folders.items():
        write(folder, rewritten=rewritten)
    return folders


@pytest.fixture(params=[False, True])
def rewritten_or_not(request: pytest.FixtureRequest, written: dict[bool, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(written[request.param], tmp_path / "store"))


@pytest.fixture
def folder(written: dict[bool, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(written[False], tmp_path / "store"))


def tail(folder: Path) -> Path:
    """Return the file that is written to."""
    return max((folder / "appendonlydir").glob("*.incr.aof"), key=lambda path: int(path.name.split(".")[2]))


def append(damage: bytes) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        with tail(folder).open("ab") as file:
            file.write(damage)

    return apply


def overwrite_end(count: int) -> Callable[[Path], None]:
    """Return what replaces the end of the file by zeros: its size was written, its last blocks were not."""

    def apply(folder: Path) -> None:
        path = tail(folder)
        path.write_bytes(path.read_bytes()[:-count] + bytes(count))

    return apply


GARBAGE = random.Random(1).randbytes(3000)
HALF = b"*3\r\n$3\r\nSET\r\n$8\r\ntrack_id\r\n$2\r\n9"
BEHIND = {
    "one zero": append(bytes(1)),
    "zeros": append(bytes(4096)),
    "many zeros": append(bytes(65_537)),
    "garbage": append(GARBAGE),
    "garbage that ends a line": append(GARBAGE + b"\r\n"),
    "half a command": append(HALF),
    "half a command, then zeros": append(HALF + bytes(4096)),
    "half a transaction, then zeros": append(
        b"*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$8\r\ntrack_id\r\n" + bytes(512)
    ),
    "a length without data": append(b"*3\r\n$3\r\nSET\r\n$900000000\r\nx"),
}


def assert_back(folder: Path, least: int = WRITES) -> None:
    with shipped_store(folder, *QUICK) as store:
        assert int(store.client.get("track_id")) >= least
        assert store.client.xlen("events") == int(store.client.get("track_id"))
        assert store.client.hget("controls", "privacy:door") == b"on"
        store.kill()


@pytest.mark.parametrize("damage", BEHIND)
def test_what_a_power_cut_leaves_behind_the_file_costs_no_write(folder: Path, damage: str) -> None:
    BEHIND[damage](folder)
    damaged = tail(folder).read_bytes()
    assert_back(folder)
    if "was damaged" in log_of(folder):
        assert [path.read_bytes() for path in (folder / "damaged").iterdir()] == [damaged]
    else:
        # Redis itself cuts half a command off, and says so.
        assert "loaded anyway" in log_of(folder)


def test_a_file_that_is_cut_anywhere_loses_what_was_behind_the_cut(rewritten_or_not: Path) -> None:
    folder = rewritten_or_not
    whole, place = tail(folder).read_bytes(), random.Random(2)
    for cut in (len(whole) - 1, *(place.randrange(150, len(whole)) for _ in range(2))):
        tail(folder).write_bytes(whole[:cut] + bytes(place.choice((0, 700))))
        with shipped_store(folder, *QUICK) as store:
            kept = store.client.xlen("events")
            assert int(store.client.get("track_id") or 0) == kept
            assert kept >= whole[:cut].count(b"EXEC\r\n")
            assert store.client.hget("controls", "privacy:door") == b"on"
            store.kill()


@pytest.mark.parametrize("count", [1, 100, 400])
def test_blocks_that_were_never_written_cost_the_writes_in_them(folder: Path, count: int) -> None:
    overwrite_end(count)(folder)
    assert_back(folder, WRITES - 1)


def empty_manifest(folder: Path) -> None:
    (folder / "appendonlydir" / "appendonly.aof.manifest").write_bytes(b"")


def zero_manifest(folder: Path) -> None:
    path = folder / "appendonlydir" / "appendonly.aof.manifest"
    path.write_bytes(bytes(path.stat().st_size))


def cut_manifest(folder: Path) -> None:
    path = folder / "appendonlydir" / "appendonly.aof.manifest"
    path.write_bytes(path.read_bytes()[:-9])


def shorten_manifest(folder: Path) -> None:
    path = folder / "appendonlydir" / "appendonly.aof.manifest"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])


def lose_manifest(folder: Path) -> None:
    (folder / "appendonlydir" / "appendonly.aof.manifest").unlink()


@pytest.mark.parametrize("damage", [empty_manifest, zero_manifest, cut_manifest, shorten_manifest, lose_manifest])
def test_a_damaged_manifest_costs_nothing(rewritten_or_not: Path, damage: Callable[[Path], None]) -> None:
    damage(rewritten_or_not)
    assert_back(rewritten_or_not)
    assert "manifest" in log_of(rewritten_or_not)


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(bytes(89))])
def test_a_base_that_held_nothing_may_be_lost(folder: Path, damage: Callable[[Path], None]) -> None:
    damage(next((folder / "appendonlydir").glob("*.base.rdb")))
    assert_back(folder)


def test_a_base_with_data_that_is_lost_stays_closed_and_says_what_to_do(
    written: dict[bool, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(written[True], tmp_path / "store"))
    base = next((folder / "appendonlydir").glob("*.base.rdb"))
    base.write_bytes(base.read_bytes()[:-300] + bytes(300))
    process, _ = start(folder, *QUICK)
    assert process.wait(GOES_WITHIN_S) == 1
    assert "Put a backup in its place" in log_of(folder)


def test_an_undamaged_store_is_not_looked_at_twice(folder: Path) -> None:
    with shipped_store(folder, *QUICK) as store:
        assert store.client.get("track_id") == str(WRITES).encode()
    # Ended as it should be, and whole.
    assert_back(folder)
    assert "damaged" not in log_of(folder)
    assert not (folder / "damaged").exists()


def test_a_manifest_of_a_newer_redis_is_whole(folder: Path) -> None:
    manifest = folder / "appendonlydir" / "appendonly.aof.manifest"
    whole = manifest.read_bytes().replace(b"type i\n", b"type i startoffset 243\n")
    manifest.write_bytes(whole)
    append(bytes(100))(folder)
    assert_back(folder)
    assert "manifest of the append-only files" not in log_of(folder)
    assert manifest.read_bytes() == whole
