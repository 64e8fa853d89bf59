"""Make the still pictures of a camera."""

from io import BytesIO

from PIL import Image

from facewire.messages import Frame

LONGEST_SIDE_PX = 1280
QUALITY = 80


def jpeg(frame: Frame) -> bytes:
    """Return a frame as JPEG, made smaller if it is large."""
    mode, raw = ("RGB", "BGR") if frame.encoding == "bgr24" else ("L", "L")
    picture = Image.frombuffer(mode, (frame.width, frame.height), frame.data, "raw", raw, 0, 1)
    picture.thumbnail((LONGEST_SIDE_PX, LONGEST_SIDE_PX))
    return encoded(picture)


def encoded(picture: Image.Image) -> bytes:
    """Return a picture as JPEG."""
    out = BytesIO()
    picture.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
