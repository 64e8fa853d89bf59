"""Keep a camera's pictures inside capture while its owner wants privacy, or while nobody knows whether they do."""

from collections.abc import Callable

from facewire.controls import Controls

PRIVACY = "privacy"
UNKNOWN = "nothing until the store says whether privacy is on"


class Curtain:
    """The curtain before one camera; closed until it is known that it may be open.

    Args:
        camera: the camera's name.
        known: returns what the home has switched, None while the store has never answered.
    """

    def __init__(self, camera: str, known: Callable[[], Controls | None]) -> None:
        self._camera = camera
        self._known = known

    @property
    def closed(self) -> str:
        """Why it is closed; empty if it is open."""
        controls = self._known()
        if controls is None:
            return UNKNOWN
        return PRIVACY if self._camera in controls.private else ""
