"""What the bridge is told by its environment."""

import os
from pathlib import Path
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from facewire.messages import EVERY_LIMIT
from facewire.settings import LayoutSettings

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
# A `+` or `#` would make it a filter; `$` is the broker's own; a `/` at an end makes a level without a name.
Prefix = Annotated[str, StringConstraints(pattern=r"^[^+#\s/$]([^+#\s]{0,62}[^+#\s/])?$")]


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is no time zone that this host knows") from None
    return name


class BridgeSettings(LayoutSettings):
    """Settings of the bridge; see its README."""

    mqtt_host: str = Field("127.0.0.1", examples=["192.168.1.10"])
    mqtt_port: int = Field(1883, ge=1, le=65535, examples=[1883])
    mqtt_username: str = Field("", examples=["facewire"])
    mqtt_password: SecretStr = Field(SecretStr(""), examples=["the broker's password"])
    mqtt_tls: bool = Field(default=False, examples=["true"])
    mqtt_ca_file: Path | None = Field(None, examples=["/etc/ssl/my-ca.pem"])
    mqtt_cert_file: Path | None = Field(None, examples=["/etc/ssl/door-pi.pem"])
    mqtt_key_file: Path | None = Field(None, examples=["/etc/ssl/door-pi.key"])
    node_id: Name = Field("facewire", examples=["door-pi"])
    node_name: str = Field("facewire", min_length=1, max_length=64, examples=["Door"])
    topic_prefix: Prefix = Field("facewire", examples=["facewire"])
    discovery_prefix: Prefix = Field("homeassistant", examples=["homeassistant"])
    faces_hz: float = Field(2.0, gt=0, le=60, examples=[2])
    presence_off_after_s: float = Field(2.0, ge=0, le=3600, examples=[2])
    people_kept_days: int = Field(60, ge=1, le=3650, examples=[60])
    still_every_s: float = Field(5.0, ge=0, le=3600, examples=[5])
    detect_every_max: int = Field(15, ge=1, le=EVERY_LIMIT, examples=[15])
    rules_file: Path = Field(Path("/etc/facewire/rules.yaml"), examples=["config/rules.yaml"])
    tz: Annotated[str, AfterValidator(_known_zone)] | None = Field(None, examples=["Europe/Berlin"])

    @property
    def zone(self) -> ZoneInfo | None:
        """The zone of the times in rules; None: this host's own."""
        return None if self.tz is None else ZoneInfo(self.tz)

    @model_validator(mode="after")
    def _password_of_somebody(self) -> Self:
        if self.mqtt_password.get_secret_value() and not self.mqtt_username:
            raise ValueError("MQTT_USERNAME: must be set, since MQTT_PASSWORD is; for example MQTT_USERNAME=facewire")
        return self

    @model_validator(mode="after")
    def _certificate_with_key(self) -> Self:
        if (self.mqtt_cert_file is None) != (self.mqtt_key_file is None):
            raise ValueError("MQTT_CERT_FILE and MQTT_KEY_FILE: set both or none")
        if self.mqtt_cert_file and not self.mqtt_tls:
            raise ValueError("MQTT_TLS: must be true, since MQTT_CERT_FILE is set; for example MQTT_TLS=true")
        return self

    @model_validator(mode="after")
    def _socket_without_tls(self) -> Self:
        if self.mqtt_is_socket and self.mqtt_tls:
            raise ValueError("MQTT_TLS: a unix socket is not encrypted; leave it out, or name a host in MQTT_HOST")
        return self

    @property
    def mqtt_is_socket(self) -> bool:
        """Whether `mqtt_host` is the path of a unix socket."""
        return self.mqtt_host.startswith("/")


def secret(name: str) -> str | None:
    """Return a secret that a rule names by its environment variable; None where it is not set, or empty."""
    return os.environ.get(name) or None
