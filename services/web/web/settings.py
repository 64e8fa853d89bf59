"""What the dashboard is told by its environment."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from marshmallow import ValidationError
from marshmallow.fields import Float, Function, Integer, String
from marshmallow.validate import Range, Regexp

from facewire.settings import PORT, LayoutSettings, Told

# HTTP's login puts a colon between name and password.
USERNAME = String(validate=Regexp(r"[^:]+\Z", error="Must have no colon"))
NAME = r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
IPV6 = r"\[[0-9a-f:.]+\]"
HOST = re.compile(rf"{NAME}|{IPV6}")
ORIGIN = re.compile(rf"https?://(?:\*\.)?(?:{NAME}|{IPV6})(?::(?:\*|[0-9]{{1,5}}))?")
PATH_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]{1,128}){1,8}")


def _hosts(text: str) -> tuple[str, ...]:
    """Return host names in lower case, IPv6 addresses without brackets."""
    return _several(text, _host, "host names without scheme, port or path, separated by commas")


def _host(text: str) -> str | None:
    name = text.lower().rstrip(".")
    return name.strip("[]") if HOST.fullmatch(name) else None


def _origins(text: str) -> tuple[str, ...]:
    """Return origins as a content security policy names them."""
    return _several(text, _origin, "http:// or https:// origins without a path, or self, separated by commas")


def _origin(text: str) -> str | None:
    name = text.lower().rstrip("/")
    if name in ("self", "'self'"):
        return "'self'"
    return name if ORIGIN.fullmatch(name) else None


def _several(text: str, read: Callable[[str], str | None], wanted: str) -> tuple[str, ...]:
    found = [read(word) for word in re.split(r"[,\s]+", text.strip()) if word]
    if None in found:
        raise ValidationError(f"Must be {wanted}")
    return tuple(dict.fromkeys(name for name in found if name))


def _path_prefix(text: str) -> str:
    """Return a path without its last slash; that of a server's root is empty."""
    prefix = text.strip().rstrip("/")
    if prefix and not PATH_PREFIX.fullmatch(prefix):
        raise ValidationError("Must be a path that begins with a slash, of letters, digits and . _ ~ -")
    return prefix


@dataclass(frozen=True, kw_only=True)
class WebSettings(LayoutSettings):
    """Settings of the dashboard; see its README."""

    web_host: Annotated[str, Told(String(), "127.0.0.1")] = "127.0.0.1"
    web_bind: Annotated[str, Told(String(), "0.0.0.0")] = ""  # noqa: S104  an example
    web_port: Annotated[int, Told(PORT, 8080)] = 8080
    web_username: Annotated[str, Told(USERNAME, "facewire")] = "facewire"
    web_password: Annotated[str, Told(String(), "a long sentence", "password")] = field(default="", repr=False)
    stream_fps: Annotated[float, Told(Float(validate=Range(0, 60, min_inclusive=False)), 15)] = 15.0
    max_viewers: Annotated[int, Told(Integer(validate=Range(1, 64)), 8)] = 8
    web_hosts: Annotated[tuple[str, ...], Told(Function(deserialize=_hosts), "pi.local,facewire.home")] = ()
    web_frame_ancestors: Annotated[
        tuple[str, ...], Told(Function(deserialize=_origins), "http://homeassistant.local:8123")
    ] = ()
    web_path_prefix: Annotated[str, Told(Function(deserialize=_path_prefix), "/facewire")] = ""

    def __post_init__(self) -> None:
        """Ask for a login where other machines come in."""
        if not self.web_password and not is_loopback(self.published_at):
            name = "WEB_BIND" if self.web_bind else "WEB_HOST"
            example = "for example WEB_PASSWORD='a long sentence'"
            raise ValueError(f"WEB_PASSWORD: must be set, since {name} lets other machines in; {example}")

    @property
    def published_at(self) -> str:
        """The address at which people reach it: in a container that of the host's port, else its own."""
        return self.web_bind or self.web_host


def is_loopback(address: str) -> bool:
    """Say whether only this machine can reach an address."""
    if address.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
