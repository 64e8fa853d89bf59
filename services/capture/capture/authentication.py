"""Answer the challenges of HTTP and RTSP servers: digest (RFC 7616) before basic (RFC 7617)."""

import hashlib
import re
import secrets
from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Any
from urllib.request import parse_http_list, parse_keqv_list

HASHES: dict[str, Callable[[bytes], Any]] = {
    "MD5": hashlib.md5,
    "SHA-256": hashlib.sha256,
    "SHA-512-256": lambda data: hashlib.new("sha512_256", data),
}
_SCHEME = re.compile(r"(?:^|,)\s*(Basic|Digest)(?=\s|$)", re.IGNORECASE)


class Credentials:
    """A user and a password, and the last challenge that they were asked with.

    Args:
        user: the user's name, None where the address has none.
        password: the password.
    """

    def __init__(self, user: str | None, password: str) -> None:
        self._user = user
        self._password = password
        self._digest: dict[str, str] = {}
        self._basic = False
        self._count = 0

    @property
    def known(self) -> bool:
        """Whether there are a user and a password at all."""
        return self._user is not None

    def challenge(self, headers: Sequence[str]) -> bool:
        """Take the `WWW-Authenticate` headers of a 401; False where they offer nothing that can be answered."""
        # Without any challenge, basic is what small servers mean.
        self._digest, self._basic, self._count = {}, not headers, 0
        for header in headers:
            starts = [*_SCHEME.finditer(header)]
            ends = [*(match.start() for match in starts), len(header)][1:]
            for start, end in zip(starts, ends, strict=True):
                if start[1].lower() == "basic":
                    self._basic = True
                    continue
                fields = _fields(header[start.end() : end])
                if not self._digest and _hash_name(fields) in HASHES and "nonce" in fields:
                    self._digest = fields
        return bool(self._digest) or self._basic

    def authorization(self, method: str, target: str) -> str | None:
        """Return the `Authorization` header of a request; None while nobody asked for one."""
        if self._user is None:
            return None
        if self._digest:
            return self._digest_answer(method, target)
        if self._basic:
            return "Basic " + b64encode(f"{self._user}:{self._password}".encode()).decode()
        return None

    def _digest_answer(self, method: str, target: str) -> str:
        fields, client, self._count = self._digest, secrets.token_hex(8), self._count + 1
        name, count = _hash_name(fields), f"{self._count:08x}"
        made = HASHES[name]

        def hashed(*parts: str) -> str:
            return str(made(":".join(parts).encode()).hexdigest())

        realm, nonce = fields.get("realm", ""), fields["nonce"]
        secret = hashed(self._user or "", realm, self._password)
        if fields.get("algorithm", "").lower().endswith("-sess"):
            secret = hashed(secret, nonce, client)
        request = hashed(method, target)
        with_quality = "auth" in re.split(r"\s*,\s*", fields.get("qop", ""))
        response = (
            hashed(secret, nonce, count, client, "auth", request) if with_quality else hashed(secret, nonce, request)
        )
        user = (self._user or "").replace("\\", "\\\\").replace('"', '\\"')
        answer = f'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{target}", response="{response}"'
        if "algorithm" in fields:
            answer += f", algorithm={fields['algorithm']}"
        if "opaque" in fields:
            answer += f', opaque="{fields["opaque"]}"'
        return f'{answer}, qop=auth, nc={count}, cnonce="{client}"' if with_quality else answer


def _fields(text: str) -> dict[str, str]:
    items = [item for item in parse_http_list(text) if "=" in item]
    return {name.strip().lower(): value for name, value in parse_keqv_list(items).items()}


def _hash_name(fields: dict[str, str]) -> str:
    return fields.get("algorithm", "MD5").upper().removesuffix("-SESS")
