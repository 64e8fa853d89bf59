"""PINs as second factor: what is kept is a salted hash that is slow to try (RFC 7914), never the PIN."""

import hashlib
import hmac
import re
import secrets

# 16 MB and about a tenth of a second on a Pi: each try costs as much. OWASP's password storage cheat sheet.
COST, BLOCK, LANES = 2**14, 8, 1
SALT_BYTES = 16
PIN = re.compile(r"[!-~]{4,32}")
A_PIN = "4 to 32 letters, digits or signs, without blanks"


def hashed(pin: str) -> str:
    """Return what to keep of a PIN.

    Raises:
        ValueError: it is none.
    """
    if PIN.fullmatch(pin) is None:
        raise ValueError(f"a PIN is {A_PIN}")
    salt = secrets.token_bytes(SALT_BYTES)
    return f"scrypt:{COST}:{BLOCK}:{LANES}:{salt.hex()}:{_digest(pin, salt).hex()}"


def is_right(given: bytes, kept: str) -> bool:
    """Say whether a PIN is the one of which the hash was kept; with garbage for a hash, none is."""
    try:
        pin = given.decode("ascii")
        kind, cost, block, lanes, salt, digest = kept.split(":")
        wanted, seasoning = bytes.fromhex(digest), bytes.fromhex(salt)
    except ValueError:
        return False
    if (kind, cost, block, lanes) != ("scrypt", str(COST), str(BLOCK), str(LANES)) or len(wanted) != 32:
        return False
    return PIN.fullmatch(pin) is not None and hmac.compare_digest(_digest(pin, seasoning), wanted)


def _digest(pin: str, salt: bytes) -> bytes:
    return hashlib.scrypt(pin.encode("ascii"), salt=salt, n=COST, r=BLOCK, p=LANES, dklen=32)
