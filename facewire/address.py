"""Show addresses without their secrets: scheme, host and port of a server, and the path of a plain file.

Everything else of an address (user, password, path, parameters, query, fragment) may be a secret. What cannot be
taken apart with certainty is shown as its kind alone, because its host may be a part of a password.
"""

import re
from ipaddress import ip_address
from pathlib import Path

ADDRESS = "an address"
SOCKET = "a unix socket"
FILE = "a file"

_CAMERA_SCHEMES = ("rtsp", "rtsps", "http", "https")
_OTHER_SCHEMES = ("rtmp", "rtmps", "rtp", "udp", "tcp", "ftp", "ws", "wss", "mqtt", "mqtts", "ssl", "tls", "redis")
_SCHEMES = frozenset((*_CAMERA_SCHEMES, *_OTHER_SCHEMES, "rediss"))
_HOST = re.compile(
    r"\[(?P<v6>[0-9A-Fa-f:.]+)(?:%[\w.%-]*)?\](?::(?P<port6>\d{1,5}))?|(?P<name>[\w.-]+)(?::(?P<port>\d{0,5}))?"
)
# `rtsp://admin:12` is what is left of `rtsp://admin:12 #4@camera/`; these ports are no parts of passwords.
_USUAL_PORTS = frozenset((80, 81, 88, 322, 443, 554, 1935, 1984, 5000, 5443, 8000, 8080, 8081, 8123, 8443, 8554, 8555))
_VIDEO_PATH = re.compile(
    r"[\w ./+()-]+\.(?:mp4|m4v|mkv|webm|mov|avi|mpg|mpeg|mjpg|mjpeg|wmv|3gp|ogv|gif|h264|h265|hevc)", re.IGNORECASE
)
_IN_TEXT = re.compile(r"[^\s()<>'\"`=,]*://\S*")
_BEHIND_IN_TEXT = "'\"`<>(){},.;:!"


def shown(address: str) -> str:
    """Return `scheme://host:port` of an address with a scheme; the kind alone where that may hold a secret."""
    scheme, separator, rest = address.strip().partition("://")
    scheme = scheme.lower()
    if scheme == "unix":
        return SOCKET
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    server = _HOST.fullmatch(authority.rpartition("@")[2])
    if not separator or scheme not in _SCHEMES or server is None:
        return ADDRESS
    host = (server["v6"] or server["name"]).lower()
    port = server["port6"] or server["port"] or ""
    behind = rest[len(authority) :]
    if not _is_server(host, port) or ("@" in behind and not _is_literal(host)):
        # `user:12/34@host` has a host and a port, too: the user, and the beginning of the password.
        return ADDRESS
    if scheme in _CAMERA_SCHEMES and _is_cut(authority, host, port, behind):
        return ADDRESS
    return f"{scheme}://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}"


def shown_server(address: str) -> str:
    """Return `host:port` of an address with a scheme; the kind alone where that may hold a secret."""
    return shown(address).rpartition("://")[2]


def shown_path(path: str) -> str:
    """Return a path that is a file, or can only be meant as one; else the kind alone.

    An address without its scheme, as `camera.lan/user=admin_password=secret`, is taken for a path too.
    """
    if is_file(path) or (_VIDEO_PATH.fullmatch(path) and not _begins_with_host(path)):
        return path
    return FILE


def is_file(path: str) -> bool:
    """Return whether a path leads to a file; one that no system call takes does not."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False


def without_secrets(text: str) -> str:
    """Return a text in which each address with a scheme is shown by `shown`."""
    return _IN_TEXT.sub(_shown_in_text, text)


def looks_cut(address: str) -> bool:
    """Return whether a camera's address may be the beginning of one: a bare name with an unusual port and no path."""
    scheme, _, rest = address.strip().partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    server = _HOST.fullmatch(authority.rpartition("@")[2])
    if scheme.lower() not in _CAMERA_SCHEMES or server is None or not server["name"]:
        return False
    return _is_cut(authority, server["name"], server["port"] or "", rest[len(authority) :])


def _shown_in_text(found: re.Match[str]) -> str:
    address = found[0].rstrip(_BEHIND_IN_TEXT)
    if "[" not in address:
        address = address.rstrip("]" + _BEHIND_IN_TEXT)
    return shown(address) + found[0][len(address) :]


def _is_server(host: str, port: str) -> bool:
    if ":" in host and not _is_literal(host):
        return False
    return not port or 0 < int(port) <= 65535


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return host == "localhost"
    return True


def _is_cut(authority: str, host: str, port: str, behind: str) -> bool:
    bare = "@" not in authority and not behind and "." not in host and not _is_literal(host)
    return bare and bool(port) and int(port) not in _USUAL_PORTS


def _begins_with_host(path: str) -> bool:
    first, slash, _ = path.partition("/")
    return bool(slash) and first not in ("", ".", "..") and "." in first
