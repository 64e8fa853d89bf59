"""Worker: TrackEval's metrics: HOTA (Luiten et al. 2021), IDF1 (Ristani et al. 2016), MOTA and ID switches (CLEAR)."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from trackeval.metrics import CLEAR, HOTA, Identity

QUIET = {"PRINT_CONFIG": False}
PERCENT = 100.0


def scores(columns: dict[str, Any]) -> dict[str, float]:
    """Return the scores of one clip, HOTA, IDF1 and MOTA in percent.

    Args:
        columns: `frames`; and of `truth` and `tracks` each `*_frame`, `*_ident` (counted from 0) and `*_xyxy`.
    """
    sequence = _sequence(columns)
    hota = HOTA().eval_sequence(sequence)
    clear = CLEAR(QUIET).eval_sequence(sequence)
    identity = Identity(QUIET).eval_sequence(sequence)
    return {
        "hota": PERCENT * float(np.mean(hota["HOTA"])),
        "idf1": PERCENT * float(identity["IDF1"]),
        "mota": PERCENT * float(clear["MOTA"]),
        "id_switches": int(clear["IDSW"]),
    }


def _sequence(columns: dict[str, Any]) -> dict[str, Any]:
    """Return a clip as TrackEval wants it: lists of arrays, a frame each."""
    frames = int(columns["frames"])
    sides: dict[str, list[Any]] = {}
    for side in ("truth", "tracks"):
        cuts = np.searchsorted(columns[f"{side}_frame"], np.arange(1, frames))
        sides[f"{side}_ident"] = np.split(columns[f"{side}_ident"], cuts)
        sides[f"{side}_xyxy"] = np.split(columns[f"{side}_xyxy"], cuts)
    return {
        "num_timesteps": frames,
        "num_gt_ids": len(np.unique(columns["truth_ident"])),
        "num_tracker_ids": len(np.unique(columns["tracks_ident"])),
        "num_gt_dets": len(columns["truth_ident"]),
        "num_tracker_dets": len(columns["tracks_ident"]),
        "gt_ids": sides["truth_ident"],
        "tracker_ids": sides["tracks_ident"],
        "similarity_scores": [_iou(*pair) for pair in zip(sides["truth_xyxy"], sides["tracks_xyxy"], strict=True)],
    }


def _iou(first: Any, second: Any) -> Any:  # noqa: ANN401  arrays; facewire's own is not to be had here
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (first, second)]
    return shared / (areas[0][:, None] + areas[1][None] - shared)


def main() -> None:
    """Score the files that are named on standard input; print a JSON list."""
    answers = []
    for line in sys.stdin:
        with np.load(Path(line.strip())) as kept:
            answers.append(scores(dict(kept)))
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
