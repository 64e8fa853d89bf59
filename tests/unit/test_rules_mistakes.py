"""`rules.yaml`: each mistake is told with its place, an editor sees most, and nothing makes reading fail otherwise."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from iot_bridge.rules.reading import load_rules

from facewire.marked import LIMIT_BYTES, MarkedError
from tests.unit.rules_file import AROUND, VALIDATOR, write
from tests.unit.rules_mistakes import MISTAKES


@pytest.mark.parametrize(("text", "place", "complaint"), [each[:3] for each in MISTAKES], ids=range(len(MISTAKES)))
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, place: str, complaint: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(MarkedError) as refused:
        load_rules(path, AROUND)
    said = str(refused.value)
    assert said.startswith(f"{path}:{place}")
    assert complaint in said
    assert "\n" not in said
    assert "s3cr3t" not in said


@pytest.mark.parametrize("text", [text for text, *_, sees in MISTAKES if sees])
def test_an_editor_with_the_schema_sees_the_mistake_too(text: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(yaml.safe_load(text))


def test_the_schema_sees_most_mistakes() -> None:
    assert sum(sees for *_, sees in MISTAKES) > len(MISTAKES) / 2


def test_a_bomb_of_aliases_is_refused_at_its_first_anchor(tmp_path: Path) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    with pytest.raises(MarkedError, match=r":1:5: expected plain YAML, found an anchor"):
        load_rules(write(tmp_path, "\n".join(levels)), AROUND)


@pytest.mark.parametrize("size", [LIMIT_BYTES + 1, 1_000_000])
def test_a_file_too_large_is_not_read(tmp_path: Path, size: int) -> None:
    rule = "  - {name: x, when: {event: left}, do: [speak: {}]}\n"
    with pytest.raises(MarkedError, match=f"expected {LIMIT_BYTES} bytes at the most, found more"):
        load_rules(write(tmp_path, "rules:\n" + rule * (size // len(rule) + 1)), AROUND)


keys = st.sampled_from(["rules", "lights", "locks", "when", "do", "event", "light", "name", "unlock", "url", "topic"])
trees: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.sampled_from(["left", "door", "hall", "a/+", "on"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


@given(trees)
def test_no_tree_makes_it_fail_otherwise_and_what_it_accepts_the_schema_does(
    tmp_path_factory: pytest.TempPathFactory, tree: Any
) -> None:
    text = yaml.safe_dump(tree)
    path = write(tmp_path_factory.getbasetemp(), text)
    said = ""
    try:
        load_rules(path, AROUND)
    except MarkedError as error:
        said = str(error)
    if not said:
        VALIDATOR.validate(yaml.safe_load(text))
    assert not said or said.startswith(str(path))
