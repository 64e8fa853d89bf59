"""Cameras over HTTP that compress what they send, or change between a still picture and a stream."""

import threading
import zlib
from itertools import islice

import numpy as np
import pytest
from capture.http_camera import HttpCamera, HttpLimits

from facewire.metrics import Metrics
from tests.cameras import Visit, answering, fake_camera, jpeg, streaming

GZIP, ZLIB = 31, 15


def reading(port: int) -> islice:  # type: ignore[type-arg]
    limits = HttpLimits(1.5, 1e6)
    return islice(HttpCamera(f"http://127.0.0.1:{port}/v", limits, Metrics("capture"), threading.Event()).pictures(), 3)


@pytest.mark.parametrize(("coding", "bits"), [("gzip", GZIP), ("x-gzip", GZIP), ("deflate", ZLIB)])
@pytest.mark.parametrize("kind", ["image/jpeg", "multipart/x-mixed-replace; boundary=x"])
def test_a_compressed_body_is_read(coding: str, bits: int, kind: str) -> None:
    def serve(visit: Visit) -> None:
        packing = zlib.compressobj(wbits=bits)
        visit.send(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Encoding: {coding}\r\n\r\n")
        parted = kind.startswith("multipart")
        for _ in range(5 if parted else 1):
            part = b"--x\r\n\r\n" + jpeg(90) + b"\r\n" if parted else jpeg(90)
            visit.send(packing.compress(part) + packing.flush(zlib.Z_SYNC_FLUSH))
            visit.gone.wait(0.03)
        visit.send(packing.flush())

    with fake_camera(serve) as camera:
        pictures = [*reading(camera.port)]
    assert [round(float(np.mean(picture)), -1) for picture in pictures] == [90] * 3


def test_a_body_that_claims_to_be_compressed_ends_as_no_picture() -> None:
    answer = answering("200 OK", "Content-Type: image/jpeg", "Content-Encoding: gzip", body=jpeg(90))
    with fake_camera(answer) as camera, pytest.raises(Exception, match="answers with nothing"):
        next(reading(camera.port))


def test_a_still_picture_that_becomes_a_stream_is_left_to_be_opened_anew() -> None:
    def serve(visit: Visit) -> None:
        (answering("200 OK", "Content-Type: image/jpeg", body=jpeg(90)) if visit.number < 2 else streaming())(visit)

    with fake_camera(serve) as camera:
        assert len([*reading(camera.port)]) == 2
