"""Compile for a conversion: `python -m detector.converting.building MODEL LIBRARY THREADS TARGET`.

A process of its own, since TVM's compiler and TVM's runtime never meet in one.
"""

import sys
from pathlib import Path

from detector.compiling.compilation import CompilationError, compile_for_host, cross_compile
from detector.converting.order import HOST
from detector.precision import FP32


def main() -> None:
    """Make one library; what TVM cannot do is one line on standard error and exit code 2."""
    model, library, threads, target = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    try:
        if target == HOST:
            compile_for_host(model, library, threads, FP32)
        else:
            cross_compile(model, library, threads, FP32, target)
    except CompilationError as error:
        print(" ".join(str(error).split()), file=sys.stderr)  # noqa: T201  the conversion reads it
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
