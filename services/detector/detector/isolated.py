"""The far side of `detector.isolating`: `python -m detector.isolated FD BACKEND FILE THREADS` serves one backend.

Over the socket FD comes a canvas, `[shape, bytes]` in msgpack, and back goes `{"tensors": [[shape, bytes], ...]}` or
`{"error": text}`; a first answer without tensors says that the backend is loaded. It ends when the socket closes.
"""

import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgpack
import numpy as np

from detector.backends import KINDS, Backend, BackendError


def serve(link: "Connection[Any, Any]", backend: Backend) -> None:
    """Answer canvases until nobody asks any more."""
    while True:
        try:
            shape, pixels = msgpack.unpackb(link.recv_bytes())
        except EOFError:
            return
        link.send_bytes(msgpack.packb(_answer(backend, shape, pixels)))


def _answer(backend: Backend, shape: list[int], pixels: bytes) -> dict[str, Any]:
    try:
        tensors = backend.infer(np.frombuffer(pixels, np.uint8).reshape(shape))
    except BackendError as error:
        return {"error": str(error)}
    return {"tensors": [(each.shape, np.ascontiguousarray(each, np.float32).tobytes()) for each in tensors]}


def main() -> None:
    """Load the backend, say so, and serve it."""
    descriptor, name, path, threads = sys.argv[1:]
    link = Connection(int(descriptor))
    try:
        backend = KINDS[name].open(Path(path), int(threads))
    except BackendError as error:
        link.send_bytes(msgpack.packb({"error": str(error)}))
        return
    link.send_bytes(msgpack.packb({"tensors": []}))
    serve(link, backend)


if __name__ == "__main__":
    main()
