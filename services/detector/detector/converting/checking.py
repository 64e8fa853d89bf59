"""Compare what a step's network gives with what the named one gives, and say so in a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.converting.problems import ConversionError, DisagreementError
from detector.converting.running import Answers

HEADINGS = ("step", "file", "size", "max abs error", "relative error", "ms median")
LEAST = 0.01
"""An output below this for all pictures is measured by it: onnxruntime's sigmoid is off by 1.6e-7 even near 0."""
KIB, MIB = 1 << 10, 1 << 20


@dataclass(frozen=True, slots=True)
class Row:
    """A step and how far it is from the network that was named.

    Args:
        step: what made it.
        file: its name.
        size_bytes: of the file, if there is one.
        max_abs_error: the largest difference of any value, None for what others are compared with and what was not run.
        relative_error: that of each output in parts of the output's largest value for any picture; the largest.
        median_ms: of one picture, None where it was not run.
        note: what is to be said of it.
    """

    step: str
    file: str
    size_bytes: int | None
    max_abs_error: float | None = None
    relative_error: float | None = None
    median_ms: float | None = None
    note: str = ""


def first_row(step: str, name: str, file: Path | None, truth: Answers) -> Row:
    """Return the row of the network that was named.

    Raises:
        ConversionError: it gives no numbers.
    """
    for outputs in truth.outputs:
        for at, output in enumerate(outputs):
            if not np.isfinite(output.astype(np.float64)).all():
                raise ConversionError(
                    f"the network itself gives NaN or infinity in output {at}: nothing to compare with"
                )
    return Row(step, name, file.stat().st_size if file else None, median_ms=truth.median_ms)


def compare(step: str, file: Path, ours: Answers, truth: Answers) -> Row:
    """Return the row of a step.

    Raises:
        DisagreementError: it gives tensors of other shapes.
    """
    for our, their in zip(ours.outputs, truth.outputs, strict=True):
        shapes = [[each.shape for each in side] for side in (our, their)]
        if shapes[0] != shapes[1]:
            raise DisagreementError(f"{step} gives shapes {shapes[0]}, the network gives {shapes[1]}")
    # Each output for all pictures at once: one that sees nothing in noise would be measured by next to nothing there.
    pairs = zip(_by_output(ours), _by_output(truth), strict=True)
    errors, parts = zip(*(_difference(one, other) for one, other in pairs), strict=True)
    # numpy's: Python's own may pass over a NaN.
    return Row(step, file.name, file.stat().st_size, float(np.max(errors)), float(np.max(parts)), ours.median_ms)


def require_agreement(row: Row, tolerance: float) -> None:
    """Refuse a step that is too far off.

    Raises:
        DisagreementError: it is, or it gives NaN.
    """
    # A NaN fails the comparison too.
    if row.relative_error is not None and not row.relative_error <= tolerance:
        raise DisagreementError(
            f"{row.step} disagrees with the network: relative error {row.relative_error:.2g} is above the tolerance of "
            f"{tolerance:g}; does the network branch on what it sees, or on chance?"
        )


def table(rows: Sequence[Row]) -> str:
    """Return the rows as text."""
    cells = [HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def _by_output(answers: Answers) -> list[NDArray[Any]]:
    return [np.stack(each) for each in zip(*answers.outputs, strict=True)]


def _difference(one: NDArray[Any], other: NDArray[Any]) -> tuple[float, float]:
    """Return the largest difference, and that in parts of the largest value of `other`."""
    if not other.size:
        return 0.0, 0.0
    error = float(np.abs(one.astype(np.float64) - other.astype(np.float64)).max())
    return error, error / max(float(np.abs(other.astype(np.float64)).max()), LEAST)


def _cells(row: Row) -> tuple[str, ...]:
    reference = row.median_ms is not None and row.max_abs_error is None
    error = "reference" if reference else _figure(row.max_abs_error, ".1e")
    size = "" if row.size_bytes is None else _size(row.size_bytes)
    ms = _figure(row.median_ms, ".2f") + (f"  {row.note}" if row.note else "")
    return row.step, row.file, size, error, _figure(row.relative_error, ".1e"), ms


def _figure(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _size(size_bytes: int) -> str:
    return f"{size_bytes / MIB:.1f} MB" if size_bytes >= MIB else f"{size_bytes / KIB:.0f} kB"
