"""Turn one camera's pictures into frame messages on the bus, numbered without a gap."""

from redis import ResponseError

from capture.frame_room import FrameRoom
from facewire.link import RedisAwayError
from facewire.messages import Frame
from facewire.metrics import Metrics
from facewire.pixels import Picture
from facewire.streams import Publisher


class Outlet:
    """Publishes the frames of one camera; what the bus cannot take is dropped and counted, since frames age fast.

    Args:
        camera: the camera's name.
        frames: where frames go.
        metrics: times and counts them.
        room: tells the number of frames that the bus has room for.
    """

    def __init__(self, camera: str, frames: Publisher, metrics: Metrics, room: FrameRoom) -> None:
        self._camera = camera
        self._frames = frames
        self._metrics = metrics
        self._room = room
        self._seq: int | None = None

    def publish(self, picture: Picture, captured_ns: int) -> None:
        """Publish one picture, (height, width, 3) uint8 BGR, under the number after the last one's."""
        with self._metrics.stage("publish"):
            kept = self._kept(picture)
            seq = self._next_seq() if kept else None
            if seq is not None and self._publish(picture, captured_ns, seq, kept):
                self._metrics.handled(self._camera, captured_ns)

    def erase(self) -> bool:
        """Take back what the bus still holds of the camera; False while the bus is away."""
        return self._frames.empty(self._camera)

    @property
    def refusal(self) -> str:
        """Why no frames are published; empty if they are."""
        return self._room.refusal(self._camera)

    def _kept(self, picture: Picture) -> int:
        """Return the number of frames that the bus may keep; 0 drops this one."""
        try:
            kept = self._room.frames(self._camera, picture.nbytes)
        except RedisAwayError:
            self._metrics.dropped("frames_unpublished")
            return 0
        if not kept:
            self._metrics.dropped("no_room")
        return kept

    def _publish(self, picture: Picture, captured_ns: int, seq: int, kept: int) -> bool:
        height, width = picture.shape[:2]
        frame = Frame(self._camera, seq, captured_ns, width, height, "bgr24", picture.tobytes())
        try:
            return self._frames.publish(frame, kept)
        except ResponseError:
            # Somebody else numbered frames of this camera meanwhile: the next one counts on from theirs.
            self._seq = None
            self._metrics.dropped("seq_taken")
            return False

    def _next_seq(self) -> int | None:
        """Return this frame's number; None while the bus, which knows the last one, is away."""
        if self._seq is None:
            try:
                self._seq = self._frames.newest_seq(self._camera)
            except RedisAwayError:
                self._metrics.dropped("frames_unpublished")
                return None
        self._seq += 1
        return self._seq
