"""Whatever stands in a setting or rule that may hold a secret: no error, `repr` or shown text repeats a part of it."""

import io
import json
import os
import string
from contextlib import redirect_stderr, suppress
from pathlib import Path
from unittest import mock

import pytest
from capture.settings import CaptureSettings
from hypothesis import given, settings
from hypothesis import strategies as st
from iot_bridge.dialling import address_of
from iot_bridge.rules.reading import load_rules
from iot_bridge.rules.telling import told
from iot_bridge.settings import BridgeSettings
from iot_bridge.webhooks import Call
from web.settings import WebSettings

from facewire.marked import MarkedError
from facewire.redaction import safe
from facewire.settings import Settings, load
from tests.unit.rules_file import AROUND, HEAD, write

MARK = "Zq9"
PLAIN = string.ascii_letters + string.digits + "-._~"
SECRETS = st.text(PLAIN + "!$&*+;=,:@/?#%[]\\'\"^| é", max_size=10).map(f"{MARK}{{}}{MARK}".format)
HOSTS = st.sampled_from(["127.0.0.1:9", "host.lan", "host:1883", "[::1]", "[fe80::1%eth0]:80", "localhost"])
FORMS = st.sampled_from(
    [
        "{scheme}://{secret}@{host}/0",
        "{scheme}://user:{secret}@{host}",
        "{scheme}://user:12/{secret}@{host}/0",
        "{scheme}://user:1?{secret}@{host}",
        "{scheme}://{host}/{secret}",
        "{scheme}://{host}/0?password={secret}",
        "{scheme}://{host}/x;{secret}",
        "{scheme}://{host}/0#{secret}",
        "{scheme}:{secret}@{host}",
        "user:{secret}@{host}",
        "{secret}://{host}",
        "door={scheme}://{host}/{secret},hall={scheme}://{secret}@{host}/x",
        "unix:///run/{secret}",
    ]
)
SCHEMES = st.sampled_from(["rtsp", "http", "https", "mqtt", "mqtts", "redis", "rediss", "unix", "ws", "ftp"])
VARIABLES: dict[str, type[Settings]] = {
    "CAMERA": CaptureSettings,
    "CAMERAS": CaptureSettings,
    "BUS_URL": Settings,
    "STORE_URL": Settings,
    "MQTT_HOST": BridgeSettings,
    "MQTT_PASSWORD": BridgeSettings,
    "SPEECH_WEBHOOK_URL": BridgeSettings,
    "WEB_PASSWORD": WebSettings,
}


def told_of(found: Settings) -> str:
    """Return all that is said of settings that were accepted."""
    said = repr(found) + " ".join(found.oddities)
    if isinstance(found, CaptureSettings):
        said += " ".join(f"{source!r} {source.shown}" for source in found.sources)
    if isinstance(found, BridgeSettings) and not found.mqtt_is_socket:
        # The host itself is shown; it holds no secret in these forms.
        said += address_of(found)
    return said


@pytest.mark.parametrize("variable", VARIABLES)
@settings(max_examples=50)
@given(form=FORMS, scheme=SCHEMES, host=HOSTS, secret=SECRETS)
def test_no_setting_repeats_what_it_was_given(variable: str, form: str, scheme: str, host: str, secret: str) -> None:
    text, said = form.format(scheme=scheme, host=host, secret=secret), io.StringIO()
    with (
        mock.patch.dict(os.environ, {variable: text}, clear=True),
        # What other examples hold is no help.
        mock.patch("facewire.redaction._known", frozenset()),
        redirect_stderr(said),
        suppress(SystemExit),
    ):
        found = load(VARIABLES[variable])
        said.write(told_of(found))
        if variable not in ("BUS_URL", "STORE_URL") or not text.startswith("unix"):
            # As a library may quote it.
            said.write(safe(f"Error: '{text}' is away"))

    assert said.getvalue()
    assert MARK not in said.getvalue()


@settings(max_examples=60)
@given(form=FORMS, scheme=SCHEMES, host=HOSTS, secret=SECRETS, where=st.sampled_from(["url", "secret_env", "", "do"]))
def test_no_rule_repeats_its_address_or_key(
    tmp_path_factory: pytest.TempPathFactory, form: str, scheme: str, host: str, secret: str, where: str
) -> None:
    text = json.dumps(form.format(scheme=scheme, host=host, secret=secret), ensure_ascii=False)
    rest = "url: http://a, " if where == "secret_env" else ""
    action = {"do": text, "": f"webhook: {text}"}.get(where, f"webhook: {{{rest}{where}: {text}}}")
    content = HEAD + f"rules:\n  - name: x\n    when: {{event: appeared}}\n    do:\n      - {action}\n"

    assert MARK not in _said(write(tmp_path_factory.getbasetemp(), content))


@settings(max_examples=50)
@given(secret=SECRETS.filter(lambda text: "\n" not in text), quote=st.sampled_from(["", "!", "*", "&", "@", "%", "`"]))
def test_no_rule_repeats_a_key_written_without_quotes(
    tmp_path_factory: pytest.TempPathFactory, secret: str, quote: str
) -> None:
    content = HEAD + (
        "rules:\n  - name: x\n    when: {event: appeared}\n    do:\n"
        f"      - webhook:\n          url: http://a\n          secret_env: {quote}{secret}\n"
    )

    assert MARK not in _said(write(tmp_path_factory.getbasetemp(), content))


def _said(path: Path) -> str:
    try:
        book = load_rules(path, AROUND)
    except MarkedError as error:
        return str(error)
    hooks = [action for rule in book.rules for action in rule.actions]
    servers = [Call("x", hook, None, b"", "", 1, 1.0).server for hook in hooks]  # type: ignore[arg-type]
    return " ".join([*told(book), *servers, repr(book), repr(hooks)])
