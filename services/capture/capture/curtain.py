"""Keep a camera's pictures inside capture while its owner wants privacy, or while nobody knows whether they do."""

from collections.abc import Callable

from capture.outlet import Outlet
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
        self._erased = True

    @property
    def closed(self) -> str:
        """Why it is closed; empty if it is open."""
        controls = self._known()
        if controls is None:
            return UNKNOWN
        return PRIVACY if self._camera in controls.private else ""

    def hides(self, outlet: Outlet) -> bool:
        """Say whether a picture must not leave; when it closes, those that left shortly before are taken back."""
        if not self.closed:
            self._erased = False
            return False
        # Until it succeeds: the bus may be away in that moment.
        self._erased = self._erased or outlet.erase()
        return True
