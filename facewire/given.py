"""Check the text of a setting before it is read: for forbidden characters, cuts and superfluous quotes.

Nothing here repeats a text: it may be a secret.
"""

import unicodedata

QUOTES = ("'", '"')
LINE_BREAKS = "\n\r\t"


def flaw(text: str, *, lines: bool = False) -> str:
    """Return the error of a text in any setting, empty if there is none.

    Args:
        text: as the environment gave it; bytes that are not UTF-8 are surrogates in it (PEP 383).
        lines: whether it may have several lines.
    """
    if any(unicodedata.category(character) == "Cs" for character in text):
        return "is not UTF-8; write it in UTF-8"
    allowed = LINE_BREAKS if lines else ""
    if any(unicodedata.category(character) == "Cc" and character not in allowed for character in text):
        ending = text.rstrip("\r\n") != text
        return f"has a {'line break at its end' if ending else 'control character'}; leave it out"
    return ""


def oddity(text: str) -> str:
    """Return the reason to suspect that a text was cut or quoted, empty if there is none."""
    if text != text.strip():
        end = "ends" if text == text.lstrip() else "begins"
        return f"{end} with a blank: was it cut at a `$` or a `#`?"
    if is_quoted(text):
        return "has quotes round it: are they meant?"
    if text[:1] in QUOTES and text.count(text[0]) == 1:
        return "begins with a quote that never ends: was it cut?"
    if text[-1:] in QUOTES and text.count(text[-1]) == 1:
        return "ends with a quote that never began: was it cut?"
    return ""


def tidy(text: str) -> str:
    """Return a text without the blanks and the quotes round it, as a shell or compose would have passed it on."""
    text = text.strip()
    while is_quoted(text):
        text = text[1:-1].strip()
    return text


def is_quoted(text: str) -> bool:
    """Return whether a pair of quotes stands round a text."""
    return len(text) >= 2 and text[0] in QUOTES and text[-1] == text[0]
