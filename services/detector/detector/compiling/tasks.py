"""A function of a network that a rule has loops for, and the tiles to choose among."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from math import log2

from tvm.s_tir import Schedule

Tiles = Mapping[str, tuple[int, ...]]
"""What a rule leaves open, by name: sides of a tile, number of strips."""


@dataclass(frozen=True, slots=True)
class Task:
    """A function that a rule serves.

    Args:
        name: what it computes, for people and as the key of its record: equal names are equal work.
        own: the rule's choice.
        choices: for each name in `own` all that the rule can do; any of one goes with any of another.
        loops: makes the loops with tiles of these choices.
    """

    name: str
    own: Tiles
    choices: Mapping[str, tuple[tuple[int, ...], ...]]
    loops: Callable[[Tiles], Schedule]

    def knows(self, tiles: Tiles) -> bool:
        """Say whether the rule can do these."""
        return tiles.keys() == self.choices.keys() and all(tiles[name] in self.choices[name] for name in tiles)

    def neighbours(self, tiles: Tiles) -> Iterator[Tiles]:
        """Give all that differ in one name, the most alike first, and the names in turn."""
        ordered = {
            name: sorted(
                (each for each in choices if each != tiles[name]), key=lambda each: _distance(each, tiles[name])
            )
            for name, choices in self.choices.items()
        }
        for row in zip_longest(*ordered.values()):
            for name, choice in zip(ordered, row, strict=True):
                if choice is not None:
                    yield {**tiles, name: choice}


def _distance(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """Return how unlike two choices are: by how much their sides differ, as factors."""
    return sum(abs(log2((a + 1) / (b + 1))) for a, b in zip(one, other, strict=True))
