"""Decoding, the only place where a picture takes its full size in memory."""

from __future__ import annotations

import threading
from typing import BinaryIO

from PIL import Image

from bot.media.layout import NotWhole
from bot.media.sniffing import ImageKind

ONE_AT_A_TIME = threading.Lock()
"""Held while pixels are in memory. Pillow stores RGB in four bytes a pixel, so a 4096 × 4096 picture takes 67 MB;
eight references at once would be the end of a small machine, and two cores gain little from it."""

MAX_PIXELS = 89_478_485
"""What is decoded at most, Pillow's own line for a likely decompression bomb (a gigabyte in four bytes, by three)."""

WEBP_DECODED_PIXELS = 2_500_000
"""Of a WebP, to verify it: 45 MB, about what a JPEG or PNG of 30 MB takes (37 MB and 28 MB, measured)."""

UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a picture upright, by EXIF orientation (EXIF 2.32, tag 0x0112)."""


def decode(stream: BinaryIO, kind: ImageKind, size: tuple[int, int]) -> Image.Image:
    """Decode a picture fully; ``size`` is what its header promised. Raises `NotWhole`."""
    return _load(stream, kind, size)


def sketch(stream: BinaryIO, kind: ImageKind, size: tuple[int, int], *, side: int) -> Image.Image:
    """Decode a picture whose longer side only needs ``side`` pixels: a JPEG in a fraction of its size, others fully.

    Raises `NotWhole`.
    """
    scale = max(1, max(size) // side)
    return _load(stream, kind, size, least=(max(1, size[0] // scale), max(1, size[1] // scale)))


def verify(stream: BinaryIO, kind: ImageKind, size: tuple[int, int]) -> None:
    """Decode a picture to the last byte and forget it; raises `NotWhole`.

    A JPEG is decoded at an eighth of its size: all its data is read, a sixty-fourth of the memory is needed. What
    this can't see is a JPEG whose data ends early and is closed with an end marker all the same: libjpeg fills the
    rest with grey and only warns, which Pillow does not pass on.

    A WebP of more than ``WEBP_DECODED_PIXELS`` is not decoded: libwebp takes 18 bytes a pixel for it (183 MB for ten
    megapixels, measured). That it is whole stands in the lengths of its chunks, which were compared already; a wrong
    bit inside of one is the service's to find, and a task that fails costs nothing.
    """
    if kind is ImageKind.WEBP and size[0] * size[1] > WEBP_DECODED_PIXELS:
        return
    _load(stream, kind, size, least=(max(1, size[0] // 8), max(1, size[1] // 8))).close()


def _load(
    stream: BinaryIO, kind: ImageKind, size: tuple[int, int], *, least: tuple[int, int] | None = None
) -> Image.Image:
    if size[0] * size[1] > MAX_PIXELS:
        raise NotWhole(f"{size[0]} × {size[1]} pixels are not decoded")
    try:
        image = Image.open(stream, formats=[kind.value])
        if image.size != size:
            raise NotWhole(f"the picture is {image.size}, its header said {size}")
        if least is not None:
            image.draft(None, least)  # the smallest that is no smaller; only JPEG knows how
        image.load()
    except (MemoryError, NotWhole):
        raise
    except Exception as error:  # on hostile bytes decoders raise whatever they like
        raise NotWhole(f"{kind.value} can't be decoded: {error!r}") from error
    return image
