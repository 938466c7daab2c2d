"""Reading an image file without decoding a pixel.

`read_layout` walks the segments of a JPEG or the chunks of a PNG or WebP. It says how large the picture is before
anything of that size is allocated, which bytes draw it, and what else is in there (location, text, provenance).
What draws the picture is a list of what is known to be needed; everything not on it is left out, so a place nobody
thought of (a maker's note, a second picture after the end, a hidden archive) can't leak anything.
"""

from __future__ import annotations

from bot.media import jpeg, png, webp
from bot.media.layout import Layout, NotWhole
from bot.media.sniffing import HEAD_BYTES, ImageKind, sniff


def read_layout(data: bytes) -> Layout:
    """Read the layout of a JPEG, PNG or WebP held in memory; raises `NotWhole`."""
    match sniff(data[:HEAD_BYTES]):
        case ImageKind.JPEG:
            layout = jpeg.scan(data)
        case ImageKind.PNG:
            layout = png.scan(data)
        case ImageKind.WEBP:
            layout = webp.scan(data)
        case _:
            raise NotWhole("neither JPEG, PNG nor WebP")
    if not layout.width or not layout.height:
        raise NotWhole("a picture without an extent")
    return layout
