"""Know who is seen in a frame: by flow, or else found again by what they looked like; hide who is not."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker import kalman
from tracker.appearance import Describer
from tracker.history import History
from tracker.kalman import Axes
from tracker.motion import View, in_front
from tracker.recalling import SURE, Recalled, glances, likeness, look_like, recall, untaken
from tracker.table import Ints, TrackTable

HIDDEN_MISSES = 3
# Nor is it shown where no motion of it was seen for so long.
HIDDEN_FRAMES = 6
# How far a lost face is searched for, in its heights sideways and up or down, and more with every second: people walk.
REACH, REACH_PER_S = np.array((0.4, 0.3)), np.array((6.0, 1.0))
MOST_REACH = np.array((3.0, 0.8))
# Flow may follow what hides a face. Who looks less like before is searched for elsewhere, that is at least so many
# heights away, and is there if it is so much more alike.
DOUBTED, CLEARLY, ELSEWHERE = 0.5, 0.2, 0.25
# Who is found elsewhere moves, by so many of 255 grey levels a frame, or looks like before for sure: a wall does not.
STIRS_FROM = 6.0

Mask = NDArray[np.bool_]


def find_again(
    table: TrackTable, history: History, now: View, now_s: float, flowing: Mask, good: Mask, describer: Describer
) -> Mask:
    """Search for faces that flow did not see, or follows and should not; returns who looks like before, (N,).

    Args:
        table: is changed.
        history: is told where they were meanwhile.
        now: the picture.
        now_s: by the tracker's own clock.
        flowing: (N,) whose motion was seen.
        good: (N,) who was once detected for sure: nobody else is searched for.
        describer: says what they look like.
    """
    found, known = np.zeros(len(table), bool), table.patch.any(axis=(1, 2))
    alike = likeness(now, table.patch, table.filter.place)
    sure = flowing & (~known | (alike > DOUBTED))
    rows = np.flatnonzero(~sure & known & good)
    if len(rows):
        seen = _searched(table, now, now_s, rows, flowing[rows])
        far = _far(table, seen.place, rows)
        good = seen.found & untaken(seen.place, table.xyxy[sure]) & (_stirs(history, now, seen) | ~far)
        good &= ~flowing[rows] | (far & (seen.likeness > alike[rows] + CLEARLY))
        there = np.flatnonzero(good & far & (table.looks[rows] > 0))
        good[there] = look_like(now, seen.place[there], table.look[rows[there]], describer)
        rows, place = rows[good], seen.place[good]
        history.bridge(table.id[rows], place - table.filter.place[rows], table.sighted_s[rows], now_s)
        kalman.put(table.filter, rows, place)
        found[rows] = True
    table.sighted_s[sure | found] = now_s
    return np.asarray(found | (sure & known))


def hide(table: TrackTable, flowing: Mask, found: Mask, *, sees: bool) -> None:
    """Note who met whom, and who is believed not to be seen.

    Args:
        table: is changed.
        flowing: (N,) whose motion was seen.
        found: (N,) who looks like before.
        sees: whether a face of which no motion is seen for long is likely hidden.
    """
    meets = in_front(table.xyxy, table.xyxy)
    behind = meets.any(axis=1)
    table.mixed |= behind | meets.any(axis=0)
    # Behind another face it is known why nothing is seen, and for how short a time.
    unexplained = sees & ~behind
    table.blind = (table.blind + unexplained) * ~(flowing | found)
    lost = ((table.misses >= HIDDEN_MISSES) & ~found) | (table.blind >= HIDDEN_FRAMES)
    table.hidden = table.confirmed & lost


def _searched(table: TrackTable, now: View, now_s: float, rows: Ints, flowing: Mask) -> Recalled:
    place = table.filter.place[rows]
    place[~flowing, 2:] = table.patch_size[rows[~flowing]]
    reach = np.minimum(REACH + REACH_PER_S * (now_s - table.sighted_s[rows, None]), MOST_REACH)
    return recall(now, table.patch[rows], place, reach, emerging=~flowing)


def _stirs(history: History, now: View, seen: Recalled) -> Mask:
    """Return where something moved since the frame before, (N,), or looks so much like a face that it need not."""
    newest = history.newest()
    if newest is None or newest[1].view.gray.shape != now.gray.shape:
        return np.ones(len(seen.place), bool)
    before, after = glances(newest[1].view, seen.place), glances(now, seen.place)
    return np.asarray((cv2.absdiff(before, after).mean(axis=1) > STIRS_FROM) | (seen.likeness > SURE))


def _far(table: TrackTable, place: Axes, rows: Ints) -> Mask:
    believed = table.filter.place[rows]
    return np.asarray(np.abs(place - believed)[:, :2].max(axis=1, initial=0) > ELSEWHERE * believed[:, 3])
