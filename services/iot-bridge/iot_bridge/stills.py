"""Make the still pictures of a camera: what it sees, or that nobody shall see it."""

from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from facewire.messages import Frame

LONGEST_SIDE_PX = 1280
QUALITY = 80
CURTAIN_PX = (640, 360)


def jpeg(frame: Frame) -> bytes:
    """Return a frame as JPEG, made smaller if it is large."""
    mode, raw = ("RGB", "BGR") if frame.encoding == "bgr24" else ("L", "L")
    picture = Image.frombuffer(mode, (frame.width, frame.height), frame.data, "raw", raw, 0, 1)
    picture.thumbnail((LONGEST_SIDE_PX, LONGEST_SIDE_PX))
    return _encoded(picture)


def curtain() -> bytes:
    """Return the picture that is shown while a camera is private."""
    picture = Image.new("RGB", CURTAIN_PX, "#181818")
    middle = CURTAIN_PX[0] / 2, CURTAIN_PX[1] / 2
    ImageDraw.Draw(picture).text(middle, "privacy", "#9a9a9a", ImageFont.load_default(48), anchor="mm")
    return _encoded(picture)


def _encoded(picture: Image.Image) -> bytes:
    out = BytesIO()
    picture.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
