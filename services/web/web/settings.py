"""What the dashboard is told by its environment."""

import ipaddress
from dataclasses import dataclass, field
from typing import Annotated

from marshmallow.fields import Float, Integer, String
from marshmallow.validate import Range, Regexp

from facewire.settings import PORT, LayoutSettings, Told

# HTTP's login puts a colon between name and password.
USERNAME = String(validate=Regexp(r"[^:]+\Z", error="Must have no colon"))


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
