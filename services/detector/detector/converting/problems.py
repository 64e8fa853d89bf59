"""What ends a conversion."""

LONGEST = 300


class ConversionError(Exception):
    """What was asked for cannot be done; the text says in one line what is wrong and what would be right."""


class DisagreementError(Exception):
    """A step gives other numbers than the network that was named; the text says which."""


def one_line(error: object) -> str:
    """Return what an error says, as one line of bounded length."""
    text = " ".join(str(error).split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
