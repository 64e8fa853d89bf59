"""Tell a face's story: the events and the track messages that a table of tracks gives rise to."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Literal

import numpy as np

from facewire.messages import FaceEvent, Frame, Identity, Person, Track, Tracks, Xyxy
from facewire.pixels import Picture
from tracker.snapshot import snapshot
from tracker.table import TrackTable

State = Literal["tentative", "confirmed", "coasting"]


def tracks_message(table: TrackTable, frame: Frame, people: Mapping[int, Person]) -> Tracks:
    """Say where every followed face is in a frame, and who, by track; a hidden one is nowhere."""
    boxes, speeds = table.xyxy.round(2), table.filter.speed[:, :2].round(1)
    told = (table.id, boxes, table.score, table.misses, table.age_frames, speeds, table.confirmed, table.appeared)
    # Lists: element by element an array takes ten times as long.
    rows = zip(table.hidden.tolist(), *(column.tolist() for column in told), strict=True)
    tracks = tuple(
        Track(
            id=track_id,
            xyxy=tuple(box),
            score=score,
            state=_state(misses, appeared=appeared),
            age_frames=age,
            velocity=tuple(speed),
            identity=people.get(track_id),
            likely=confirmed and not appeared,
        )
        for hidden, track_id, box, score, misses, age, speed, confirmed, appeared in rows
        if not hidden
    )
    return Tracks(frame.camera, frame.seq, frame.captured_ns, tracks)


def appeared(table: TrackTable, row: int, camera: str, at_ns: int, picture: Picture) -> FaceEvent:
    """Say that a face counts from now, with a look at it."""
    return FaceEvent(
        id=_event_id(table, row, camera, "appeared"),
        type="appeared",
        camera=camera,
        track_id=int(table.id[row]),
        identity=None,
        started_ns=min(int(table.born_ns[row]), at_ns),
        at_ns=at_ns,
        snapshot=snapshot(picture, _xyxy(table.xyxy[row].tolist())),
    )


def left(table: TrackTable, row: int, camera: str, at_ns: int) -> FaceEvent:
    """Say that a face is gone that had appeared."""
    return FaceEvent(
        id=_event_id(table, row, camera, "left"),
        type="left",
        camera=camera,
        track_id=int(table.id[row]),
        identity=None,
        started_ns=min(int(table.born_ns[row]), at_ns),
        at_ns=at_ns,
    )


def named(table: TrackTable, row: int, look: Identity, who: Person | None, picture: Picture) -> FaceEvent:
    """Say who a face is, or that nobody knows it, once for each name in a visit; with a look at it.

    Args:
        table: the faces.
        row: which of them.
        look: the one that settled it.
        who: the person; None is nobody known.
        picture: the newest one.
    """
    # A name may hold anything, and be longer than an id.
    kind = f"identified-{sha256(who.name.encode()).hexdigest()[:12]}" if who else "unknown"
    return FaceEvent(
        id=_event_id(table, row, look.camera, kind),
        type="identified" if who else "unknown",
        camera=look.camera,
        track_id=int(table.id[row]),
        identity=who,
        started_ns=min(int(table.born_ns[row]), look.captured_ns),
        at_ns=look.captured_ns,
        snapshot=snapshot(picture, _xyxy(table.xyxy[row].tolist())),
    )


def _event_id(table: TrackTable, row: int, camera: str, kind: str) -> str:
    # A track id is never given to two people, and each of these happens once in a visit.
    return f"{camera}-{table.id[row]}-{table.visit[row]}-{kind}"


def _state(misses: int, *, appeared: bool) -> State:
    if not appeared:
        return "tentative"
    return "coasting" if misses else "confirmed"


def _xyxy(box: list[float]) -> Xyxy:
    left_px, top_px, right_px, bottom_px = np.round(box, 2).tolist()
    return left_px, top_px, right_px, bottom_px
