"""What the bridge is told by its environment."""

import os
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from facewire.messages import EVERY_LIMIT
from facewire.settings import LayoutSettings

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
# A `+` or `#` would make it a filter; `$` is the broker's own; a `/` at an end makes a level without a name.
Prefix = Annotated[str, StringConstraints(pattern=r"^[^+#\s/$]([^+#\s]{0,62}[^+#\s/])?$")]


# A card, `plughw:CARD=Device,DEV=0`, or a name of an asound.conf.
AlsaDevice = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.,:=+/ -]{0,127}$")]


def _web_address(url: SecretStr) -> SecretStr:
    if url.get_secret_value() and not is_web_address(url.get_secret_value()):
        raise ValueError("is no address that begins with http:// or https://, without a user or password")
    return url


def is_web_address(url: str) -> bool:
    """Say whether an address can be called as it is written."""
    try:
        parts = urlsplit(url)
        usable = parts.port != 0 and bool(parts.hostname) and parts.username is None and parts.password is None
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= 1024
    return usable and plain and parts.scheme in ("http", "https")


WebAddress = Annotated[SecretStr, AfterValidator(_web_address)]


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is no time zone that this host knows") from None
    return name


# Beside ALSA's own configuration, where a desktop's sound server listens.
PROGRAMS_NEED = ("PATH", "HOME", "TMPDIR", "ALSA_CONFIG_PATH", "XDG_RUNTIME_DIR", "PULSE_SERVER")


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
    speech_output: Literal["none", "alsa", "mqtt", "webhook"] = Field("none", examples=["alsa"])
    speech_engine: Literal["auto", "espeak-ng", "piper"] = Field("auto", examples=["auto"])
    speech_webhook_url: WebAddress = Field(SecretStr(""), examples=["http://192.168.1.30:8080/play"])
    alsa_device: AlsaDevice = Field("default", examples=["plughw:CARD=Device"])
    piper_voice_en: Path | None = Field(None, examples=["/etc/facewire/voices/en_GB-alba-medium.onnx"])
    piper_voice_zh: Path | None = Field(None, examples=["/etc/facewire/voices/zh_CN-huayan-medium.onnx"])
    rules_file: Path = Field(Path("/etc/facewire/rules.yaml"), examples=["config/rules.yaml"])
    tz: Annotated[str, AfterValidator(_known_zone)] | None = Field(None, examples=["Europe/Berlin"])

    @property
    def zone(self) -> ZoneInfo | None:
        """The zone of the times in rules; None: this host's own."""
        return None if self.tz is None else ZoneInfo(self.tz)

    def piper_voice(self, language: Literal["en", "zh"]) -> Path | None:
        """Return the voice that piper speaks a language with."""
        return {"en": self.piper_voice_en, "zh": self.piper_voice_zh}[language]

    @model_validator(mode="after")
    def _webhook_somewhere(self) -> Self:
        if self.speech_output == "webhook" and not self.speech_webhook_url.get_secret_value():
            example = "for example SPEECH_WEBHOOK_URL=http://192.168.1.30:8080/play"
            raise ValueError(f"SPEECH_WEBHOOK_URL: must be set, since SPEECH_OUTPUT=webhook is; {example}")
        return self

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


def for_programs() -> dict[str, str]:
    """Return what programs that the bridge runs are told: where things are, and none of its secrets."""
    told = {name: os.environ[name] for name in PROGRAMS_NEED if name in os.environ}
    return told | {"LC_ALL": "C.UTF-8"}
