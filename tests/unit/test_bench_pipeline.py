"""The pipeline's bench judges each of several cameras, and one without any frames most of all."""

import argparse
from pathlib import Path

import pytest
from capture.opencv import cv2

from benchmarks.filming import film
from benchmarks.pipeline import camera_count, camera_rows
from runner.observing import Seen
from runner.summary import summarise


def test_each_camera_has_its_rate_and_its_losses() -> None:
    seen = Seen(seqs={"c1": list(range(11, 21)), "c2": [10, 12, 20]})
    first, newest = {"c1": 10, "c2": 9, "c3": 5}, {"c1": 20, "c2": 20, "c3": 15}
    figures = summarise(seen, newest, seconds=1.0, cpu_s=0.0, peak_mb={}, first_seqs=first)
    assert figures["cameras"] == [
        {"name": "c1", "fps": 10.0, "lost": 0},
        {"name": "c2", "fps": 3.0, "lost": 7},
        {"name": "c3", "fps": 0.0, "lost": 9},
    ]
    assert figures["frames"]["lost"] == 16
    reached = {name: right for name, _, _, right in camera_rows(figures)}
    assert reached["c1 fps"]
    assert reached["c1 lost_percent"]
    assert not reached["c2 fps"]
    assert not reached["c3 fps"]
    assert not reached["c3 lost_percent"]


@pytest.mark.parametrize("text", ["0", "17", "-1", "eight", "1.5", ""])
def test_a_number_of_cameras_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="from 1 to 16"):
        camera_count(text)


def test_cameras_show_the_whole_clip_from_different_moments(tmp_path: Path) -> None:
    clips = film(tmp_path, 2, 1)
    firsts = []
    for path in clips.values():
        clip = cv2.VideoCapture(str(path))
        assert (clip.get(cv2.CAP_PROP_FRAME_COUNT), clip.get(cv2.CAP_PROP_FPS)) == (45, 1)
        firsts.append(clip.read()[1])
    assert abs(firsts[0].astype(int) - firsts[1]).max() > 50
