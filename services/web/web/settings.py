"""What the dashboard is told by its environment."""

import ipaddress
from typing import Self

from pydantic import Field, SecretStr, model_validator

from facewire.settings import LayoutSettings


class WebSettings(LayoutSettings):
    """Settings of the dashboard; see its README."""

    web_host: str = Field("127.0.0.1", examples=["127.0.0.1"])
    web_bind: str = Field("", examples=["0.0.0.0"])  # noqa: S104  an example
    web_port: int = Field(8080, ge=1, le=65535, examples=[8080])
    # HTTP's login puts a colon between name and password.
    web_username: str = Field("facewire", pattern="^[^:]+$", examples=["facewire"])
    web_password: SecretStr = Field(SecretStr(""), examples=["a long sentence"])
    stream_fps: float = Field(15.0, gt=0, le=60, examples=[15])
    max_viewers: int = Field(8, ge=1, le=64, examples=[8])

    @model_validator(mode="after")
    def _login_beyond_this_machine(self) -> Self:
        if not self.web_password.get_secret_value() and not is_loopback(self.published_at):
            name = "WEB_BIND" if self.web_bind else "WEB_HOST"
            example = "for example WEB_PASSWORD='a long sentence'"
            raise ValueError(f"WEB_PASSWORD: must be set, since {name} lets other machines in; {example}")
        return self

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
