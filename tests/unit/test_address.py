"""Of an address scheme, host and port are shown, and nothing that may be a part of a secret."""

import string
from base64 import b64encode
from pathlib import Path

import pytest
from capture.sources import Source
from hypothesis import given
from hypothesis import strategies as st

from facewire.address import looks_cut, shown, shown_path, without_secrets
from facewire.redaction import redacted, remember, remember_address, safe

MARK = "Zq9"
ODD = st.text(string.ascii_letters + string.digits + "!$&*+;=,:@/?#%[]\\'\"~^| ", max_size=8)
SECRETS = st.builds("{}{}{}{}".format, ODD, st.just(MARK), ODD, st.sampled_from(["", MARK, "@", "/", "é"]))
HOSTS = st.sampled_from(["127.0.0.1", "camera.lan", "cam", "[::1]", "[fe80::1%25eth0]", "localhost", "Bücher.lan"])
FORMS = (
    "{scheme}://{secret}@{host}/x",
    "{scheme}://user:{secret}@{host}:8554/x",
    "{scheme}://{secret}:{secret}@{host}/{secret}?{secret}#{secret}",
    "{scheme}://user:12/{secret}@{host}/x",
    "{scheme}://user:1{secret}@{host}",
    "{scheme}://us#{secret}@{host}/x",
    "{scheme}://us?{secret}@{host}/x",
    "{scheme}://a:b@c/{secret}@{host}/x",
    "{scheme}://{host}:9/user=admin_password={secret}_channel=1.sdp",
    "{scheme}://{host}/{secret}",
    "{scheme}://{host}/x;{secret}",
    "{scheme}://{host}/flv?port=1935&user=admin&password={secret}",
    "{scheme}://{host}/x#{secret}",
    "{scheme}://{host}:{secret}/x",
    "{secret}://{host}/x",
    "{secret}",
    "{host}/{secret}",
    "{scheme}:{secret}@{host}",
    "unix://{secret}@/run/x.sock?password={secret}",
    "unix:///run/{secret}",
)
SCHEMES = st.sampled_from(["rtsp", "RTSPS", "http", "https", "mqtt", "mqtts", "redis", "rediss", "ftp"])


@given(st.sampled_from(FORMS), SCHEMES, HOSTS, SECRETS)
def test_no_part_of_a_secret_is_shown(form: str, scheme: str, host: str, secret: str) -> None:
    address = form.format(scheme=scheme, host=host, secret=secret)

    assert MARK.lower() not in shown(address).lower()
    if form.startswith(("{scheme}://", "unix://")) and not any(character.isspace() for character in address):
        assert MARK.lower() not in without_secrets(f"cannot open '{address}', which is away").lower()
    for kind in ("network", "file"):
        assert MARK not in Source("door", kind, address).shown


@pytest.mark.parametrize(
    ("address", "is_shown"),
    [
        ("http://127.0.0.1:9/flv?port=1935&user=admin&password=s3cr@t", "http://127.0.0.1:9"),
        ("rtsp://127.0.0.1:9/user=admin_password=KeepOut1_channel=1_stream=0.sdp", "rtsp://127.0.0.1:9"),
        ("rtsps://127.0.0.1:9/Zk3KeepOut1Token", "rtsps://127.0.0.1:9"),
        ("mqtts://ha:KeepOut1@host", "mqtts://host"),
        ("rtsp://user:p@ss@camera.lan:554/x", "rtsp://camera.lan:554"),
        ("RTSP://Camera.lan/x", "rtsp://camera.lan"),
        ("https://[FE80::1%eth0]:8443/x", "https://[fe80::1]:8443"),
        ("http://localhost/x@y", "http://localhost"),
        ("http://mediamtx:8554/door", "http://mediamtx:8554"),
        ("rtsp://mediamtx:8554", "rtsp://mediamtx:8554"),
        ("rtsp://user:12/ss@host/x", "an address"),
        ("rtsp://user:p@ss/word@host/x", "an address"),
        ("rtsp://user:pa/ss@host/x", "an address"),
        ("rtsp://admin:12", "an address"),
        ("http://host:99999/x", "an address"),
        ("unix:///run/bus/redis.sock", "a unix socket"),
        ("", "an address"),
    ],
)
def test_an_address_is_shown_as_scheme_host_and_port(address: str, is_shown: str) -> None:
    assert shown(address) == is_shown


def test_addresses_in_a_text_are_shown_like_any_other() -> None:
    text = "cannot open (rtsp://u:p@host:554/x?y), nor http://[::1]:80/z. See redis://h:1, and a:b"

    assert without_secrets(text) == "cannot open (rtsp://host:554), nor http://[::1]:80. See redis://h:1, and a:b"
    assert without_secrets(without_secrets(text)) == without_secrets(text)


def test_a_path_is_shown_where_it_is_a_file_or_can_be_nothing_else(tmp_path: Path) -> None:
    there = tmp_path / "user=admin.dat"
    there.touch()

    assert shown_path(str(there)) == str(there)
    for path in ("/nowhere/x.mp4", "clips/a film.MKV", "./a.webm", "../b/c.avi"):
        assert shown_path(path) == path
    for path in (
        "/user=admin_password=x.mp4",
        "192.168.1.20/token.mp4",
        "camera.lan/live/token.mp4",
        "admin:pw@camera.lan/x.mp4",
        "KeepOut1",
        "/live/KeepOut1",
        "x" * 5000,
        "a\0b",
    ):
        assert shown_path(path) == "a file"


def test_a_camera_address_that_was_cut_is_noticed() -> None:
    assert looks_cut("rtsp://admin:12")
    for whole in (
        "rtsp://cam:8554",
        "rtsp://10.0.0.2:12",
        "rtsp://cam.lan:12",
        "rtsp://cam:12/x",
        "demo",
        "http://cam",
    ):
        assert not looks_cut(whole)


@given(st.text(string.ascii_letters + 'é"\\%/ &', min_size=6, max_size=20))
def test_a_known_secret_is_hidden_however_it_is_written(secret: str) -> None:
    remember(secret)

    assert secret not in redacted(f"a {secret} b")
    assert redacted("level") == "level"


def test_the_secret_parts_of_addresses_are_known_in_any_text() -> None:
    remember_address(
        "door=rtsp://user:sesame-1@host/sesame-path?k=sesame-2,hall=http://h/?t=sesame%2D3 ha:sesame-4@host"
    )

    for secret in ("sesame-1", "/sesame-path", "sesame-2", "sesame-3", "sesame%2D3", "sesame-4"):
        assert "sesame" not in safe(f"the server says: {secret} is wrong")
    assert safe("user at host h, port 80") == "user at host h, port 80"


def test_secrets_that_overlap_are_hidden_whole_and_in_any_case() -> None:
    remember("overlap-sesa", "sesame-lap")

    assert redacted("a overlap-sesame-lap b") == "a *** b"
    assert redacted("İ OVERLAP-SESAME-LAP") == "İ ***"


def test_a_login_is_hidden_as_http_sends_it() -> None:
    remember_address("rtsp://someone:sesame%2D5@host/x")

    login = b64encode(b"someone:sesame-5").decode()
    for shown_login in (login, login.rstrip("="), login.lower()):
        assert safe(f"Authorization: Basic {shown_login}").rstrip("=") == "Authorization: Basic ***"
