"""Say why a camera gives no pictures, in words that hold nothing of its address."""


class CameraError(Exception):
    """A camera gives no pictures; the text follows "which" and says what to do.

    Args:
        why: the reason; it repeats no part of the camera's address.
        seldom: asking again soon does harm: cameras lock accounts after some wrong passwords.
        offline: the camera's host was not reached at all.
    """

    def __init__(self, why: str, *, seldom: bool = False, offline: bool = False) -> None:
        super().__init__(why)
        self.seldom = seldom
        self.offline = offline


def not_opened(reason: str, *, seldom: bool = False, offline: bool = False) -> CameraError:
    """Return the error of a camera that cannot be opened, for a reason that is a sentence about it."""
    return CameraError(f"cannot be opened: {reason}", seldom=seldom, offline=offline)


def bad_credentials(code: int) -> CameraError:
    """Return the error of a camera that refuses the user or password of its address."""
    return not_opened(
        f"its user or password is wrong ({code}): correct them in its address; it is asked again only every "
        "5 minutes, since cameras lock accounts",
        seldom=True,
    )


def forbidden(code: int) -> CameraError:
    """Return the error of a camera that refuses this user, or locked the account."""
    return not_opened(
        f"it forbids this user to see it ({code}): check the user's rights, the password, and whether the account is "
        "locked; it is asked again only every 5 minutes",
        seldom=True,
    )


def no_credentials() -> CameraError:
    """Return the error of a camera that wants a user and a password, of which its address has none."""
    return not_opened("it wants a user and a password (401): write them into its address as user:password@")


_STATUSES = {
    204: "it has no picture at the moment: check that its video is switched on",
    304: "it has no picture at the moment: check that its video is switched on",
    407: "a proxy before it wants a user and a password: write the camera's own address",
    **dict.fromkeys((404, 410, 454), "it has nothing at this path: correct the path of its address"),
    **dict.fromkeys((429, 453, 503), "it is busy: close other viewers, or allow more streams in the camera"),
}


def status_error(code: int, *, speaks: str) -> CameraError:
    """Return the error of a camera that answered with a status which is neither success nor about credentials.

    Args:
        code: the status, of HTTP or RTSP.
        speaks: the protocol's name.
    """
    if code in _STATUSES:
        what, _, todo = _STATUSES[code].partition(":")
        return not_opened(f"{what} ({code}):{todo}")
    if 300 <= code < 400:
        return not_opened(f"it leads to another address, and not to which ({code}): write the final one")
    if 500 <= code < 600:
        return not_opened(f"it reports an error of its own ({speaks} status {code}): restart the camera")
    return not_opened(f"it refuses the request ({speaks} status {code}): check the path of its address")
