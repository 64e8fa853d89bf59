"""What the bridge is told by its environment."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from marshmallow import ValidationError
from marshmallow.fields import Boolean, Float, Integer, String
from marshmallow.validate import Length, OneOf, Range, Regexp

from facewire.messages import EVERY_LIMIT
from facewire.redaction import remember
from facewire.settings import PATH, PORT, LayoutSettings, Told
from iot_bridge.address import DEFAULT_TLS_PORT, parse_broker
from iot_bridge.time_zone import TimeZone, read_zone

NAME = String(validate=Regexp(r"[a-z0-9][a-z0-9_-]{0,31}\Z", error="Must be of a-z, 0-9, _ and -, up to 32 long"))
# A `+` or `#` would make it a filter; `$` is the broker's own; a `/` at an end makes a level without a name.
PREFIX = String(
    validate=Regexp(
        r"[^+#\s/$]([^+#\s]{0,62}[^+#\s/])?\Z",
        error="Must have no +, # or blank, no $ at its beginning and no / at an end, and be up to 64 long",
    )
)
# A card, `plughw:CARD=Device,DEV=0`, or a name of an asound.conf.
ALSA_DEVICE = String(
    validate=Regexp(r"[A-Za-z0-9_][A-Za-z0-9_.,:=+/ -]{0,127}\Z", error="Must be the name of an ALSA device")
)
Output = Literal["none", "alsa", "mqtt", "webhook"]
Engine = Literal["auto", "espeak-ng", "piper"]


def _is_web_address(url: str) -> None:
    if not is_web_address(url):
        raise ValidationError("is no address that begins with http:// or https://, without a user or password")


def is_web_address(url: str) -> bool:
    """Say whether an address can be called as it is written."""
    try:
        parts = urlsplit(url)
        usable = parts.port != 0 and bool(parts.hostname) and parts.username is None and parts.password is None
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= 1024
    return usable and plain and parts.scheme in ("http", "https")


def _is_broker(text: str) -> None:
    try:
        parse_broker(text)
    except ValueError as error:
        raise ValidationError(str(error)) from None


BROKER = String(validate=_is_broker)
WEB_ADDRESS = String(validate=_is_web_address)
OUTPUT, ENGINE = String(validate=OneOf(get_args(Output))), String(validate=OneOf(get_args(Engine)))

# Beside ALSA's own configuration, where a desktop's sound server listens.
PROGRAMS_NEED = ("PATH", "HOME", "TMPDIR", "ALSA_CONFIG_PATH", "XDG_RUNTIME_DIR", "PULSE_SERVER")


@dataclass(frozen=True, kw_only=True)
class BridgeSettings(LayoutSettings):
    """Settings of the bridge; see its README."""

    mqtt_host: Annotated[str, Told(BROKER, "192.168.1.10", "address")] = field(default="127.0.0.1", repr=False)
    """Host or path alone, once the settings are made: what else MQTT_HOST says is in the fields that follow."""
    mqtt_port: Annotated[int, Told(PORT, 1883)] = 1883
    mqtt_username: Annotated[str, Told(String(), "facewire")] = field(default="", repr=False)
    mqtt_password: Annotated[str, Told(String(), "the broker's password", "password")] = field(default="", repr=False)
    mqtt_tls: Annotated[bool, Told(Boolean(), "true")] = False
    mqtt_ca_file: Annotated[Path | None, Told(PATH, "/etc/ssl/my-ca.pem")] = None
    mqtt_cert_file: Annotated[Path | None, Told(PATH, "/etc/ssl/door-pi.pem")] = None
    mqtt_key_file: Annotated[Path | None, Told(PATH, "/etc/ssl/door-pi.key")] = None
    node_id: Annotated[str, Told(NAME, "door-pi")] = "facewire"
    node_name: Annotated[str, Told(String(validate=Length(1, 64)), "Door")] = "facewire"
    topic_prefix: Annotated[str, Told(PREFIX, "facewire")] = "facewire"
    discovery_prefix: Annotated[str, Told(PREFIX, "homeassistant")] = "homeassistant"
    faces_hz: Annotated[float, Told(Float(validate=Range(0, 60, min_inclusive=False)), 2)] = 2.0
    presence_off_after_s: Annotated[float, Told(Float(validate=Range(0, 3600)), 2)] = 2.0
    people_kept_days: Annotated[int, Told(Integer(validate=Range(1, 3650)), 60)] = 60
    still_every_s: Annotated[float, Told(Float(validate=Range(0, 3600)), 5)] = 5.0
    detect_every_max: Annotated[int, Told(Integer(validate=Range(1, EVERY_LIMIT)), 15)] = 15
    speech_output: Annotated[Output, Told(OUTPUT, "alsa")] = "none"
    speech_engine: Annotated[Engine, Told(ENGINE, "auto")] = "auto"
    speech_webhook_url: Annotated[str, Told(WEB_ADDRESS, "http://192.168.1.30:8080/play", "address")] = field(
        default="", repr=False
    )
    alsa_device: Annotated[str, Told(ALSA_DEVICE, "plughw:CARD=Device")] = "default"
    piper_voice_en: Annotated[Path | None, Told(PATH, "/etc/facewire/voices/en_GB-alba-medium.onnx")] = None
    piper_voice_zh: Annotated[Path | None, Told(PATH, "/etc/facewire/voices/zh_CN-huayan-medium.onnx")] = None
    rules_file: Annotated[Path, Told(PATH, "config/rules.yaml")] = Path("/etc/facewire/rules.yaml")
    tz: Annotated[str, Told(String(), "Europe/Berlin")] = ""

    def __post_init__(self) -> None:
        """Refuse what does not go together."""
        if self.speech_output == "webhook" and not self.speech_webhook_url:
            example = "for example SPEECH_WEBHOOK_URL=http://192.168.1.30:8080/play"
            raise ValueError(f"SPEECH_WEBHOOK_URL: must be set, since SPEECH_OUTPUT=webhook is; {example}")
        self._take_address_apart()
        if self.mqtt_password and not self.mqtt_username:
            raise ValueError("MQTT_USERNAME: must be set, since MQTT_PASSWORD is; for example MQTT_USERNAME=facewire")
        if (self.mqtt_cert_file is None) != (self.mqtt_key_file is None):
            raise ValueError(
                "MQTT_CERT_FILE and MQTT_KEY_FILE: set both or none; for example MQTT_CERT_FILE=/etc/ssl/door-pi.pem "
                "and MQTT_KEY_FILE=/etc/ssl/door-pi.key"
            )
        if self.mqtt_cert_file and not self.mqtt_tls:
            raise ValueError("MQTT_TLS: must be true, since MQTT_CERT_FILE is set; for example MQTT_TLS=true")
        if self.mqtt_is_socket and self.mqtt_tls:
            raise ValueError("MQTT_TLS: a unix socket is not encrypted; leave it out, or name a host in MQTT_HOST")

    def _take_address_apart(self) -> None:
        address = parse_broker(self.mqtt_host)
        says = {
            "mqtt_host": address.host,
            "mqtt_port": address.port,
            "mqtt_tls": address.tls or None,
            "mqtt_username": address.username or None,
            "mqtt_password": address.password or None,
        }
        if address.tls and address.port is None and "mqtt_port" not in self.named:
            says["mqtt_port"] = DEFAULT_TLS_PORT
        for name, value in says.items():
            if name != "mqtt_host" and name in self.named and value not in (None, getattr(self, name)):
                raise ValueError(f"MQTT_HOST and {name.upper()} disagree: keep one; for example MQTT_HOST=192.168.1.10")
            if value is not None:
                # The address is taken apart once, here, and nowhere else.
                object.__setattr__(self, name, value)

    @property
    def zone(self) -> TimeZone:
        """The zone of the times in rules. A wrong one keeps nothing else from working."""
        return read_zone(self.tz)

    def piper_voice(self, language: Literal["en", "zh"]) -> Path | None:
        """Return the voice that piper speaks a language with."""
        return {"en": self.piper_voice_en, "zh": self.piper_voice_zh}[language]

    @property
    def mqtt_is_socket(self) -> bool:
        """Whether `mqtt_host` is the path of a unix socket."""
        return self.mqtt_host.startswith("/")


def secret(name: str) -> str | None:
    """Return a secret that a rule names by its environment variable; None where it is not set, or empty."""
    found = os.environ.get(name) or None
    if found is not None:
        remember(found)
    return found


def for_programs() -> dict[str, str]:
    """Return what programs that the bridge runs are told: where things are, and none of its secrets."""
    told = {name: os.environ[name] for name in PROGRAMS_NEED if name in os.environ}
    return told | {"LC_ALL": "C.UTF-8"}
