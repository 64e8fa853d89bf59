"""Read `cameras.yaml`: what its owner marked in each camera's picture.

The format is told in the file that is shipped, `config/cameras.yaml`, and for editors in `config/cameras.schema.json`.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from facewire.live import LiveFile, Reading, changes
from facewire.marked import Marked, MarkedError, read
from facewire.messages import PLACE_NAME, PLACES_LIMIT
from facewire.sanity import A_CAMERA_NAME, FREE_NAME
from facewire.service import Service
from facewire.settings import LayoutSettings, stop_operator
from facewire.shapes import Area, Layout, Line, Polygon, RelativePoint, tangled_sides

T = TypeVar("T", Area, Line)
L = TypeVar("L", bound=LayoutSettings)
Layouts = Mapping[str, Layout]
"""By the names of cameras."""

NAME = "cameras.yaml"
KINDS = ("zones", "lines", "masks")
CAMERAS_LIMIT = 64
POINTS_LIMIT = 64
A_NAME = "a name of a-z, 0-9, _ and - up to 32 long"
A_SHARE = "a number from 0 to 1"


def layouts(settings: LayoutSettings) -> dict[str, Layout]:
    """Return each camera's layout, or end the process with one clear line and exit code 2.

    No file where it lies by default means that nothing is marked. One that was named must be there: it may hold masks.
    """
    path = settings.cameras_file
    try:
        if "cameras_file" not in settings.named and not path.exists():
            return {}
        return load_layouts(path)
    except MarkedError as error:
        stop_operator(str(error))
    except OSError as error:
        example = "for example CAMERAS_FILE=config/cameras.yaml"
        stop_operator(f"CAMERAS_FILE: {path} cannot be read ({error.strerror}); name a file; {example}")


def live_layouts(service: Service[L], first: Layouts, summary: Callable[[Layouts], str]) -> LiveFile[Layouts]:
    """Return the layouts as they are now.

    Args:
        service: names the file, and is told of its changes.
        first: the layouts of the start.
        summary: says in a note what holds.
    """
    nothing: Layouts = {}
    reading = Reading(NAME, service.settings.cameras_file, load_layouts, nothing, summary, difference)
    return LiveFile(reading, first, service.heartbeat, service.metrics, service.log)


def summary(layouts: Layouts, kinds: Sequence[str] = KINDS) -> str:
    """Say how much is marked of some kinds, as `2 zones, 1 line`; empty where nothing is."""
    counts = {kind: sum(len(getattr(layout, kind)) for layout in layouts.values()) for kind in kinds}
    return ", ".join(f"{count} {kind if count != 1 else kind[:-1]}" for kind, count in counts.items() if count)


def difference(before: Layouts, after: Layouts) -> str:
    """Say in one line what is new, changed and gone."""
    said = []
    for camera in sorted({*before, *after}):
        was, now = before.get(camera, Layout()), after.get(camera, Layout())
        parts = [changes(kind[:-1], _by_name(was, kind), _by_name(now, kind)) for kind in KINDS]
        if any(parts):
            said.append(f"{camera}: {', '.join(filter(None, parts))}")
    return "; ".join(said)


def _by_name(layout: Layout, kind: str) -> dict[str, Area | Line]:
    return {each.name: each for each in getattr(layout, kind)}


def load_layouts(path: Path) -> dict[str, Layout]:
    """Return each camera's layout.

    A file without `cameras` is none that marks nothing: it may be one that was cut off, and held masks.

    Raises:
        MarkedError: the file holds a mistake.
        OSError: it cannot be read.
    """
    root = read(path)
    if root is None:
        raise MarkedError(
            f"{path}:1:1: expected a mapping with cameras, found nothing (`cameras:` alone marks nothing)"
        )
    top = root.fields("a mapping", ("cameras",))
    found: dict[str, Layout] = {}
    for name, (key, value) in top["cameras"].mapping("cameras by their names", most=CAMERAS_LIMIT).items():
        key.text(f"a camera's name, {A_CAMERA_NAME}", FREE_NAME)
        found[name] = _layout(value)
    return found


def _layout(marked: Marked) -> Layout:
    parts = marked.fields("zones, lines and masks", (), ("zones", "lines", "masks"))
    return Layout(
        zones=_named(parts.get("zones"), "zones", lambda each: _area(each, "a zone")),
        lines=_named(parts.get("lines"), "lines", _line),
        masks=_named(parts.get("masks"), "masks", lambda each: _area(each, "a mask")),
    )


def _named(marked: Marked | None, what: str, make: Callable[[Marked], T]) -> tuple[T, ...]:
    found: dict[str, T] = {}
    for each in marked.items(f"a list of {what}", most=PLACES_LIMIT) if marked else ():
        made = make(each)
        if made.name in found:
            each.refuse(f"{what} of different names", f"{made.name!r} again")
        found[made.name] = made
    return tuple(found.values())


def _area(marked: Marked, what: str) -> Area:
    parts = marked.fields(what, ("name", "polygon"))
    return Area(parts["name"].text(A_NAME, PLACE_NAME), _polygon(parts["polygon"]))


def _line(marked: Marked) -> Line:
    parts = marked.fields("a line", ("name", "points"), ("to_left", "to_right"))
    name = parts["name"].text(A_NAME, PLACE_NAME)
    words = {side: parts[side].text(A_NAME, PLACE_NAME) for side in ("to_left", "to_right") if side in parts}
    first, second = (_point(each) for each in parts["points"].items("points", least=2, most=2))
    if first == second:
        parts["points"].refuse("two different points", "the same one twice")
    line = Line(name, (first, second), **words)
    if line.to_left == line.to_right:
        parts[next(iter(words))].refuse("another word for each direction", f"{line.to_left!r} for both")
    return line


def _polygon(marked: Marked) -> Polygon:
    corners = marked.items("a polygon's points", least=3, most=POINTS_LIMIT)
    polygon = tuple(_point(each) for each in corners)
    tangled = tangled_sides(polygon)
    if tangled is not None:
        first, second = tangled
        corners[second].refuse("sides that do not cross or touch", f"that side {second + 1} meets side {first + 1}")
    return polygon


def _point(marked: Marked) -> RelativePoint:
    x, y = marked.items("a point [x, y]", least=2, most=2)
    return x.number(A_SHARE, 0, 1), y.number(A_SHARE, 0, 1)
