"""Make the still pictures of a camera."""

from io import BytesIO

from PIL import Image

from facewire.messages import Frame

LONGEST_SIDE_PX = 1280
QUALITY = 80
LONGEST_READ_PX = 4096
SMALLEST_BYTES = 1024
MOST_TRIES = 5


def jpeg(frame: Frame) -> bytes:
    """Return a frame as JPEG, made smaller if it is large."""
    mode, raw = ("RGB", "BGR") if frame.encoding == "bgr24" else ("L", "L")
    picture = Image.frombuffer(mode, (frame.width, frame.height), frame.data, "raw", raw, 0, 1)
    picture.thumbnail((LONGEST_SIDE_PX, LONGEST_SIDE_PX))
    return encoded(picture)


def shrunk(picture: bytes, most_bytes: int) -> bytes | None:
    """Return a JPEG made smaller, so that it has at most `most_bytes`; None if it cannot be."""
    if most_bytes < SMALLEST_BYTES:
        return None
    try:
        with Image.open(BytesIO(picture), formats=["JPEG"]) as opened:
            if max(opened.size) > LONGEST_READ_PX:
                return None
            found = opened.convert("L" if opened.mode == "L" else "RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    # Bytes go with the area, roughly.
    scale = min(1.0, (most_bytes / len(picture)) ** 0.5)
    for _ in range(MOST_TRIES):
        size = max(1, round(found.width * scale)), max(1, round(found.height * scale))
        smaller = encoded(found.resize(size))
        if len(smaller) <= most_bytes:
            return smaller
        scale *= 0.7
    return None


def encoded(picture: Image.Image) -> bytes:
    """Return a picture as JPEG."""
    out = BytesIO()
    picture.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
