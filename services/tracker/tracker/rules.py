"""When a face begins, counts, comes back, and ends."""

from dataclasses import dataclass

from facewire.silence import SHORTEST_S


@dataclass(frozen=True, slots=True)
class Rules:
    """When a face begins, counts, comes back, and ends.

    Args:
        max_faces: how many faces are followed at once.
        birth_score: a fainter detection may continue a track, and starts none.
        count_score: a face that was never detected so well is followed and does not count.
        confirm_hits: detections until a face counts.
        coast_s: how long a face is followed unseen.
        return_within_s: how long after its end a face may come back as the same; 0 for never.
    """

    max_faces: int = 5
    birth_score: float = 0.55
    count_score: float = 0.7
    confirm_hits: int = 2
    coast_s: float = 1.0
    return_within_s: float = 20.0

    @property
    def silent_s(self) -> float:
        """How long a camera may send no frame until nobody who was there could come back as the same."""
        return max(SHORTEST_S, self.coast_s + self.return_within_s)
