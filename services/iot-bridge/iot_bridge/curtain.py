"""The picture of a camera that is private. Its letters take 6 MB, so only who needs it imports it."""

from PIL import Image, ImageDraw, ImageFont

from iot_bridge.stills import encoded

CURTAIN_PX = (640, 360)


def curtain() -> bytes:
    """Return the picture that is shown while a camera is private."""
    picture = Image.new("RGB", CURTAIN_PX, "#181818")
    middle = CURTAIN_PX[0] / 2, CURTAIN_PX[1] / 2
    ImageDraw.Draw(picture).text(middle, "privacy", "#9a9a9a", ImageFont.load_default(48), anchor="mm")
    return encoded(picture)
