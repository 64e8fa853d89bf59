"""A constant-velocity Kalman filter for many boxes at once.

The four axes of a box (centre x, centre y, width, height) are filtered independently, so that a
covariance is three numbers an axis and every step is arithmetic on (N, 4) arrays. Noise is in shares
of the face's height: the same face twice as near moves, and is measured, twice as coarsely.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Axes = NDArray[np.float64]
"""(N, 4): centre x, centre y, width, height."""
Rows = NDArray[np.bool_] | slice
"""(N,) which; or a slice of all, which costs a fraction."""

# Shares of the face's height. Measured: YuNet's boxes at 320x256 scatter by 3-6 % around a still face.
MEASURED = np.array((0.05, 0.05, 0.07, 0.07))
FLOWED = np.array((0.004, 0.004, 0.003, 0.003))
ACCELERATION_PER_S2 = np.array((8.0, 8.0, 0.4, 0.4))
FIRST_SPEED_PER_S = np.array((1.0, 1.0, 0.1, 0.1))

# Flow enters as motion, not as a measurement (docs/architecture.md, "Tracking"): v <- 0.6 v + 0.4 d/dt.
KEEP_SPEED = 0.6


@dataclass(slots=True)
class Filter:
    """State of N boxes: place and speed (px, px/s), and the covariance of the two for each axis."""

    place: Axes
    speed: Axes
    place_variance: Axes
    covariance: Axes
    speed_variance: Axes


def start(cxcywh: Axes, speed: Axes | None = None) -> Filter:
    """Begin with one measurement of each box, (N, 4), and its speed in px/s where there is an idea of it."""
    height = cxcywh[:, 3:]
    return Filter(
        place=cxcywh.copy(),
        speed=np.zeros_like(cxcywh) if speed is None else speed,
        place_variance=(MEASURED * height) ** 2,
        covariance=np.zeros_like(cxcywh),
        speed_variance=(FIRST_SPEED_PER_S * height) ** 2,
    )


def predict(state: Filter, rows: Rows, dt_s: float) -> None:
    """Move the boxes of `rows` by their own speed."""
    noise = (ACCELERATION_PER_S2 * state.place[rows, 3:]) ** 2
    covariance, speed_variance = state.covariance[rows], state.speed_variance[rows]
    state.place[rows] += state.speed[rows] * dt_s
    state.place_variance[rows] += 2 * dt_s * covariance + dt_s**2 * speed_variance + noise * dt_s**4 / 4
    state.covariance[rows] += dt_s * speed_variance + noise * dt_s**3 / 2
    state.speed_variance[rows] += noise * dt_s**2


def shift(state: Filter, rows: Rows, moved: Axes, camera: Axes, dt_s: float) -> None:
    """Move the boxes of `rows` (N,) by what optical flow saw.

    Args:
        state: the filter.
        rows: which boxes.
        moved: (rows, 4) pixels.
        camera: (4,) pixels of it that are the camera's motion, of which no speed is learned.
        dt_s: in which time.
    """
    noise = (FLOWED * state.place[rows, 3:]) ** 2
    learn = (1 - KEEP_SPEED) / dt_s
    state.place[rows] += moved
    state.speed[rows] = KEEP_SPEED * state.speed[rows] + learn * (moved - camera)
    state.place_variance[rows] += noise
    state.covariance[rows] = KEEP_SPEED * state.covariance[rows] + learn * noise
    state.speed_variance[rows] = KEEP_SPEED**2 * state.speed_variance[rows] + learn**2 * noise


def put(state: Filter, rows: NDArray[np.intp], place: Axes) -> None:
    """Understand that boxes (K,) are at `place` (K, 4): the speed that led elsewhere was wrong by as much."""
    missed = place[:, :2] - state.place[rows, :2]
    gain = state.covariance[rows, :2] / state.place_variance[rows, :2]
    state.speed[rows, :2] += gain * missed
    state.place[rows] = place
    state.speed_variance[rows, :2] -= gain * state.covariance[rows, :2]
    state.place_variance[rows, :2] = (MEASURED[:2] * state.place[rows, 3:]) ** 2
    state.covariance[rows, :2] = 0


def loosen(state: Filter, rows: NDArray[np.intp], spread: Axes) -> None:
    """Understand that boxes (K,) may have changed unseen by `spread` (K, 4), one standard deviation in px."""
    state.place_variance[rows] += spread**2


def correct(state: Filter, rows: NDArray[np.intp], innovation: Axes, scatter: NDArray[np.float64]) -> Axes:
    """Pull the boxes of `rows` towards what was measured.

    Args:
        state: the filter.
        rows: (K,) indices, each once.
        innovation: (K, 4) measured minus believed, both at the time of the measurement: what the box
            did since then stays as flow saw it.
        scatter: (K, 1) how much these measurements scatter, as a share of `MEASURED`.

    Returns:
        (K, 4) by how much each place was moved.
    """
    place_variance, covariance = state.place_variance[rows], state.covariance[rows]
    total = place_variance + (scatter * MEASURED * state.place[rows, 3:]) ** 2
    place_gain, speed_gain = place_variance / total, covariance / total
    state.place[rows] += place_gain * innovation
    state.speed[rows] += speed_gain * innovation
    state.place_variance[rows] = (1 - place_gain) * place_variance
    state.covariance[rows] = (1 - place_gain) * covariance
    state.speed_variance[rows] -= speed_gain * covariance
    return np.asarray(place_gain * innovation)
