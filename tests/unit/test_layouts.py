"""`cameras.yaml`: what is read of it, and that each mistake is told with its place."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from facewire.layouts import difference, layouts, load_layouts, summary
from facewire.marked import LIMIT_BYTES, MarkedError
from facewire.messages import PLACE_NAME
from facewire.sanity import TAKEN_NAMES
from facewire.settings import LayoutSettings, load
from facewire.shapes import Area, Layout, Line
from tests.places import ROOT

EXAMPLE = ROOT / "config" / "cameras.yaml"
SCHEMA = json.loads((ROOT / "config" / "cameras.schema.json").read_text(encoding="utf-8"))
SQUARE = "[[0.1, 0.2], [0.9, 0.2], [0.9, 0.8], [0.1, 0.8]]"
GOOD = f"""
cameras:
  door:
    zones:
      - {{name: porch, polygon: {SQUARE}}}
      - name: steps
        polygon:
          - [0, 0]
          - [1, .0]
          - [1., +0.10]
    lines:
      - {{name: sill, points: [[0.5, 0.1], [0.5, 0.9]]}}
      - {{name: gate, points: [[0, 0.5], [1, 0.5]], to_left: home, to_right: away}}
    masks:
      - {{name: window, polygon: {SQUARE}}}
  hall:
"""


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "cameras.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_what_is_marked_is_read(tmp_path: Path) -> None:
    square = ((0.1, 0.2), (0.9, 0.2), (0.9, 0.8), (0.1, 0.8))
    assert load_layouts(write(tmp_path, GOOD)) == {
        "door": Layout(
            zones=(Area("porch", square), Area("steps", ((0, 0), (1, 0), (1, 0.1)))),
            lines=(
                Line("sill", ((0.5, 0.1), (0.5, 0.9)), to_left="out", to_right="in"),
                Line("gate", ((0, 0.5), (1, 0.5)), to_left="home", to_right="away"),
            ),
            masks=(Area("window", square),),
        ),
        "hall": Layout(),
    }
    jsonschema.validate(yaml.safe_load(GOOD), SCHEMA)


def test_a_number_is_one_by_its_looks(tmp_path: Path) -> None:
    (layout,) = load_layouts(write(tmp_path, GOOD.replace("+0.10", "1e-1").replace("  hall:", ""))).values()
    assert layout.zones[1].polygon == ((0, 0), (1, 0), (1, 0.1))


@pytest.mark.parametrize("text", ["cameras:\n", "cameras: {}\n", "\ufeffcameras:\n"])
def test_nothing_marked_is_nothing(tmp_path: Path, text: str) -> None:
    assert load_layouts(write(tmp_path, text)) == {}


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n", "{}\n"])
def test_a_file_that_may_be_cut_off_is_none_that_marks_nothing(tmp_path: Path, text: str) -> None:
    with pytest.raises(MarkedError, match=r"cameras\.yaml:[12]:1: expected a mapping with cameras, found no"):
        load_layouts(write(tmp_path, text))


def test_the_file_that_is_shipped_marks_nothing_and_its_example_is_right(tmp_path: Path) -> None:
    assert load_layouts(EXAMPLE) == {}
    jsonschema.validate(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8")), SCHEMA)
    text = re.sub(r"^#  ", "  ", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (layout,) = load_layouts(write(tmp_path, text)).values()
    assert (len(layout.zones), len(layout.lines), len(layout.masks)) == (1, 1, 1)
    jsonschema.validate(yaml.safe_load(text), SCHEMA)


def test_the_schema_is_one_and_names_are_the_same_in_it() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$defs"]["name"]["pattern"] == f"^{PLACE_NAME.pattern}$"
    assert SCHEMA["properties"]["cameras"]["propertyNames"]["not"] == {"enum": list(TAKEN_NAMES)}


def zone(polygon: str) -> str:
    return f"cameras:\n  door:\n    zones:\n      - name: porch\n        polygon: {polygon}\n"


def line(points: str, more: str = "") -> str:
    return f"cameras:\n  door:\n    lines:\n      - name: sill\n        points: {points}\n{more}"


POINTS = "[[0.5, 0.1], [0.5, 0.9]]"
NAME = "expected a name of a-z, 0-9, _ and - up to 32 long, found "
SHARE = "expected a number from 0 to 1, found "
MISTAKES = [
    # Coordinates.
    (zone("[[0, 0], [1.5, 0], [1, 1]]"), "5:28", SHARE + "'1.5'"),
    (zone("[[0, 0], [1, -0.1], [1, 1]]"), "5:31", SHARE + "'-0.1'"),
    (zone("[[0, 0], [1, .nan], [1, 1]]"), "5:31", SHARE + "'.nan'"),
    (zone("[[0, 0], [1, .inf], [1, 1]]"), "5:31", SHARE + "'.inf'"),
    (zone("[[0, 0], [1, 0:30], [1, 1]]"), "5:31", SHARE + "'0:30'"),
    (zone('[[0, 0], [1, "0.5"], [1, 1]]'), "5:31", SHARE + "'0.5'"),
    (zone("[[0, 0], [1, half], [1, 1]]"), "5:31", SHARE + "'half'"),
    (zone("[[0, 0], [1, ], [1, 1]]"), "5:27", "expected a point [x, y], 2, found 1"),
    (zone("[[0, 0], [1, 2, 3], [1, 1]]"), "5:27", "expected a point [x, y], 2, found 3"),
    (zone("[[0, 0], 0.5, [1, 1]]"), "5:27", "expected a point [x, y], found '0.5'"),
    (zone("[[0, 0], {x: 1}, [1, 1]]"), "5:27", "expected a point [x, y], found a mapping"),
    # Polygons.
    (zone("[[0, 0], [1, 1]]"), "5:18", "expected a polygon's points, 3 to 64, found 2"),
    (zone(str([[0.5, 0.5]] * 65)), "5:18", "expected a polygon's points, 3 to 64, found 65"),
    (zone(""), "5:17", "expected a polygon's points, found nothing"),
    (zone("[[0, 0], [1, 1], [1, 0], [0, 1]]"), "5:35", "that side 3 meets side 1"),
    (zone("[[0, 0], [0.5, 0.5], [1, 1]]"), "5:", "expected sides that do not cross or touch"),
    (zone("[[0, 0], [0, 0], [1, 1], [0, 1]]"), "5:27", "that side 2 meets side 1"),
    # Names.
    (zone(SQUARE).replace("porch", "Porch"), "4:15", NAME + "'Porch'"),
    (zone(SQUARE).replace("porch", "a/b"), "4:15", NAME + "'a/b'"),
    (zone(SQUARE).replace("porch", "x" * 33), "4:15", NAME + "'" + "x" * 33),
    (zone(SQUARE).replace("porch", "off"), "4:15", NAME + "'off', which YAML takes for yes or no"),
    (zone(SQUARE).replace("porch", "12"), "4:15", NAME + "'12', which YAML takes for a number"),
    (zone(SQUARE).replace("porch", ""), "4:14", NAME + "nothing"),
    (zone(SQUARE).replace("door", "Front door"), "2:3", "expected a camera's name"),
    (zone(SQUARE).replace("door", "lock"), "2:3", "and none of command, lock, people, speech, found 'lock'"),
    (zone(SQUARE).replace("door", "yes"), "2:3", "expected a name, found 'yes', which YAML takes for yes or no"),
    (
        zone(SQUARE) + f"      - name: porch\n        polygon: {SQUARE}\n",
        "6:9",
        "zones of different names, found 'porch' again",
    ),
    (zone(SQUARE) + "  door:\n", "6:3", "expected each name once, found door again, after line 2"),
    (zone(SQUARE) + "        name: again\n", "6:9", "found name again, after line 4"),
    # Keys.
    (zone(SQUARE).replace("zones", "zone"), "3:5", "expected one of zones, lines, masks, found 'zone'"),
    (zone(SQUARE).replace("polygon", "points"), "5:9", "expected one of name, polygon, found 'points'"),
    (
        zone(SQUARE).replace("- name: porch\n        ", "- "),
        "4:9",
        "expected a zone with name and polygon, found no name",
    ),
    ("camera:\n  door:\n", "1:1", "expected one of cameras, found 'camera'"),
    ("cameras: [door]\n", "1:10", "expected cameras by their names, found a list of 1"),
    ("cameras: door\n", "1:10", "expected cameras by their names, found 'door'"),
    ("- cameras\n", "1:1", "expected a mapping, found a list of 1"),
    ("cameras:\n  door: [zones]\n", "2:9", "expected zones, lines and masks, found a list of 1"),
    ("cameras:\n  door:\n    zones: {porch: 1}\n", "3:12", "expected a list of zones, found a mapping"),
    ("cameras:\n  door:\n    zones: [porch]\n", "3:13", "expected a zone, found 'porch'"),
    ("cameras:\n" + "".join(f"  c{n}:\n" for n in range(65)), "2:3", "64 at the most, found 65"),
    # Lines.
    (line("[[0, 0], [1, 1], [0, 1]]"), "5:17", "expected points, 2, found 3"),
    (line("[[0.5, 0.5], [0.5, 0.5]]"), "5:17", "expected two different points, found the same one twice"),
    (line(POINTS, "        to_left: in\n"), "6:18", "another word for each direction, found 'in' for both"),
    (line(POINTS, "        to_left: no\n"), "6:18", NAME + "'no', which YAML takes for yes or no"),
    (line(POINTS, "        left: in\n"), "6:9", "expected one of name, points, to_left, to_right, found 'left'"),
    # YAML itself.
    ("cameras:\n  door: [\n", "3:1", "expected YAML, found what is none"),
    ("cameras:\n\tdoor:\n", "2:1", "expected YAML, found what is none"),
    ("cameras:\n  door:\n   zones:\n  - name: porch\n", "4:3", "expected YAML, found what is none"),
    ("cameras: &all\n", "1:10", "expected plain YAML, found an anchor (&) or alias (*)"),
    ("a: &a [x]\nb: [*a, *a]\n", "1:4", "an anchor (&) or alias (*)"),
    ("cameras: *nowhere\n", "1:10", "an anchor (&) or alias (*)"),
    (
        "cameras: !!python/object/apply:os.system [ls]\n",
        "1:10",
        "the tag tag:yaml.org,2002:python/object/apply:os.system",
    ),
    ("cameras: {<<: {door: }}\n", "1:11", "expected a name, found '<<'"),
    ("cameras: " + "[" * 2000, "1:21", "more than 12 levels"),
    ("cameras:\n---\ncameras:\n", "2:1", "expected YAML, found what is none: but found another document"),
    ("cameras:\n  d\x07oor:\n", "2:4", "expected text, found character 7"),
    ('cameras: {"\\U00110000": }\n', "1:14", "an escape that stands for no character"),
    ('cameras: {"\\U99999999": }\n', "1:14", "an escape that stands for no character"),
    ("# ä\ncameras: ".encode() + b"\xff\xfe", "2:10", "expected UTF-8, found byte 255"),
]


@pytest.mark.parametrize(("text", "place", "complaint"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str | bytes, place: str, complaint: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(MarkedError) as refused:
        load_layouts(path)
    said = str(refused.value)
    assert said.startswith(f"{path}:{place}"), said
    assert complaint in said
    assert "\n" not in said


# What only a program can see: that sides cross, points or words are the same, names come twice.
BEYOND_SCHEMAS = (
    "meets side",
    "sides that do not",
    "again",
    "the same one twice",
    "for both",
    "0.5'",
    "'0:30'",
    "'.nan'",
)


@pytest.mark.parametrize(
    ("text", "complaint"), [(text, complaint) for text, _, complaint in MISTAKES], ids=range(len(MISTAKES))
)
def test_an_editor_with_the_schema_sees_the_mistake_too(text: str | bytes, complaint: str) -> None:
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError):
        return
    if any(words in complaint for words in BEYOND_SCHEMAS) or "anchor" in complaint or "'<<'" in complaint:
        return
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)


def test_a_bomb_of_aliases_is_refused_at_its_first_anchor(tmp_path: Path) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    with pytest.raises(MarkedError, match=r":1:5: expected plain YAML, found an anchor"):
        load_layouts(write(tmp_path, "\n".join(levels)))


def test_a_file_too_large_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(MarkedError, match=f"expected {LIMIT_BYTES} bytes at the most, found more"):
        load_layouts(write(tmp_path, "#" * (LIMIT_BYTES + 1)))
    with pytest.raises(MarkedError, match="bytes at the most"):
        load_layouts(Path("/dev/zero"))


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@example(b"\x00")
@example("\ud7ff\ufffe".encode())
@example(b"? ")
def test_no_bytes_make_it_fail_otherwise(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(raw)
    said = ""
    try:
        load_layouts(path)
    except MarkedError as error:
        said = str(error)
    assert not said or (said.startswith(str(path)) and said.isprintable())


# ---- where the file is


def settings(monkeypatch: pytest.MonkeyPatch, path: Path | None) -> LayoutSettings:
    if path is not None:
        monkeypatch.setenv("CAMERAS_FILE", str(path))
    return load(LayoutSettings)


def test_without_a_file_nothing_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    told = settings(monkeypatch, None)
    assert not told.cameras_file.exists()
    assert layouts(told) == {}


def test_a_file_that_was_named_must_be_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(SystemExit) as ended:
            layouts(settings(monkeypatch, path))
        assert ended.value.code == 2
        said = capsys.readouterr().err
        assert said.startswith(f"facewire: CAMERAS_FILE: {path} cannot be read (")
        assert "for example CAMERAS_FILE=config/cameras.yaml" in said


def test_what_is_marked_is_told_by_numbers_and_a_change_by_names() -> None:
    corners = ((0.1, 0.2), (0.9, 0.2), (0.9, 0.8))
    porch, window = Area("porch", corners), Area("window", corners)
    before = {"door": Layout((porch,), masks=(window,)), "hall": Layout((porch,))}
    after = {"door": Layout((Area("porch", corners[::-1]), Area("steps", corners)))}
    assert (summary(before), summary(after, ["masks"])) == ("2 zones, 1 mask", "")
    said = "door: zone steps new, zone porch changed, mask window gone; hall: zone porch gone"
    assert (difference(before, after), difference(after, after)) == (said, "")
