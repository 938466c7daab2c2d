"""What stands around in the demo: faces for those who speak, and pictures that a person can attach."""

from __future__ import annotations

import io
from pathlib import Path
from random import Random
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from bot.sandbox.painting_scene import draw_banana, draw_scene

Color = tuple[int, int, int]

FACE_SIDE: Final = 160
"""Pixels; the page shows faces at 40, on sharp screens at 80."""
_SMOOTH: Final = 4
"""Drawn this much larger and reduced, edges come out smooth."""
_SLATE: Final[Color] = (47, 53, 71)
_PALETTE: Final = ("#264653", "#2a9d8f", "#e9c46a", "#f4a261", "#e76f51", "#faf3dd")


def banana_face() -> bytes:
    """Draw the bot's avatar, a banana (PNG)."""
    return _as_png(_banana(FACE_SIDE, _SLATE))


def letter_face(letter: str, color: Color) -> bytes:
    """Draw a person's avatar: a letter on a colour (PNG)."""
    face = Image.new("RGB", (FACE_SIDE, FACE_SIDE), color)
    font = ImageFont.load_default(size=FACE_SIDE * 0.55)
    ImageDraw.Draw(face).text((FACE_SIDE / 2, FACE_SIDE / 2), letter, fill="white", font=font, anchor="mm")
    return _as_png(face)


def write_references(folder: Path) -> tuple[Path, ...]:
    """Write three pictures of three formats into ``folder``, to attach as references; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    banana, valley, colors = folder / "banana.png", folder / "valley.jpg", folder / "colours.webp"
    _banana(768, (235, 226, 206)).save(banana)
    draw_scene((1920, 1280), "a valley at dawn, trees", Random(3)).reduce(2).save(valley, quality=88)
    stripes = Image.new("RGB", (900, 600))
    for index, color in enumerate(_PALETTE):
        stripes.paste(color, (index * 150, 0, (index + 1) * 150, 600))
    stripes.save(colors, lossless=True)
    return banana, valley, colors


def _banana(side: int, background: Color) -> Image.Image:
    large = side * _SMOOTH
    picture = Image.new("RGB", (large, large), background)
    draw_banana(picture, (large * 0.53, large * 0.38), large * 0.38)
    return picture.reduce(_SMOOTH)


def _as_png(picture: Image.Image) -> bytes:
    sink = io.BytesIO()
    picture.save(sink, "PNG")
    return sink.getvalue()
