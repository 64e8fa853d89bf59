"""Read what people write on a command line."""

import argparse

# What a timer can wait for, and longer than anybody does: 31 years.
LONGEST_S = 1e9


def seconds(text: str) -> float:
    """Return a duration.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        duration_s = float(text)
    except ValueError:
        duration_s = 0.0
    # Written so that a NaN is refused.
    if not 0 < duration_s < LONGEST_S:
        raise argparse.ArgumentTypeError("must be a number of seconds above 0, for example 60")
    return duration_s
