"""The cheapest pairing is found, and nothing is paired beyond the gate."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tracker.association import _cost, match

from facewire.boxes import cxcywh_to_xyxy

box_lists = st.lists(
    st.tuples(st.floats(0, 300), st.floats(0, 300), st.floats(20, 60), st.floats(20, 60)), min_size=1, max_size=5
).map(lambda rows: cxcywh_to_xyxy(np.array(rows)))


@given(box_lists, box_lists)
def test_pairs_are_the_cheapest_among_those_that_pair_the_most(tracks: np.ndarray, detections: np.ndarray) -> None:
    cost, allowed = _cost(tracks, detections)
    pairs = match(tracks, detections)
    assert allowed[pairs.first, pairs.second].all()
    assert len(set(pairs.first)) == len(set(pairs.second)) == len(pairs.first)
    best = cheapest(cost, allowed)
    assert len(pairs.first) == best[0]
    assert cost[pairs.first, pairs.second].sum() <= best[1] + 1e-6


def cheapest(cost: np.ndarray, allowed: np.ndarray) -> tuple[int, float]:
    """Try every way of pairing."""
    if cost.shape[0] > cost.shape[1]:
        cost, allowed = cost.T, allowed.T
    best = (0, 0.0)
    for columns in itertools.permutations(range(cost.shape[1]), cost.shape[0]):
        chosen = [(row, column) for row, column in enumerate(columns) if allowed[row, column]]
        total = float(sum(cost[pair] for pair in chosen))
        if len(chosen) > best[0] or (len(chosen) == best[0] and total < best[1]):
            best = (len(chosen), total)
    return best


def test_nothing_is_paired_with_nothing() -> None:
    none, one = np.empty((0, 4)), np.array([[0.0, 0.0, 10.0, 10.0]])
    for first, second in ((none, one), (one, none), (none, none)):
        assert len(match(first, second).first) == 0


def test_a_face_across_the_room_is_another_face() -> None:
    here, there = np.array([[0.0, 0.0, 50.0, 50.0]]), np.array([[300.0, 0.0, 350.0, 50.0]])
    assert len(match(here, there).first) == 0
