"""Draws the sandbox's pictures: a landscape grown from the prompt, with a card that says what was asked for.

One sees in it that everything arrived: prompt, model, aspect ratio, resolution and each reference, with its number. The
same order gives the same bytes.
"""

from __future__ import annotations

import io
import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final
from xml.sax.saxutils import escape

from PIL import Image, ImageChops, ImageOps
from PIL.PngImagePlugin import PngInfo

from bot.sandbox.painting_card import draw_card, draw_references
from bot.sandbox.painting_scene import draw_scene

BASE_SIDE: Final = {"1K": 1024, "2K": 2048, "4K": 4096}  # side of the square of the same area, in pixels
QUICK_SIDE: Final = 64
MADE_BY_AI: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_AS_THE_REFERENCE: Final = ("auto", "")
_MULTIPLE: Final = 8
_MAX_RATIO: Final = 8.0
_GRAIN: Final = 0.16  # of full contrast; makes a 4K PNG about 20 MB, which is what real ones weigh
_THUMBNAIL_SIDE: Final = 1024
_JPEG_QUALITY: Final = 92


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be painted; ``references`` are files, in the order in which they were given."""

    prompt: str
    model: str
    aspect_ratio: str
    resolution: str
    output_format: str
    references: tuple[Path, ...] = ()
    seed: int = 0
    quick: bool = False
    heavy: bool = False

    @property
    def suffix(self) -> str:
        """File suffix without the dot."""
        return "png" if self.output_format == "png" else "jpg"

    @property
    def mime_type(self) -> str:
        """MIME type of the picture."""
        return "image/png" if self.suffix == "png" else "image/jpeg"


def paint(order: Order) -> bytes:
    """Paint one picture and encode it; takes some 0.3 s at 1K, and seconds at 4K."""
    rng = Random(f"{order.prompt.encode(errors='replace')!r} {order.model} {order.seed}")
    # A quick picture shows no references; large ones take seconds to open.
    seen = order.references if not order.quick or order.aspect_ratio in _AS_THE_REFERENCE else ()
    references = [_open_reference(path) for path in seen]
    first = next((picture for picture in references if picture is not None), None)
    size = picture_size(order, auto_ratio=first.width / first.height if first else 1.0)
    # Drawn twice as large and reduced, edges come out smooth; at 4K nobody sees the difference, and it would take long.
    scale = 1 if order.resolution == "4K" and not order.quick else 2
    picture = draw_scene((size[0] * scale, size[1] * scale), order.prompt, rng)
    if scale > 1:
        picture = picture.reduce(scale)
    if not order.quick:
        draw_references(picture, references)
        draw_card(picture, prompt=order.prompt, facts=_facts(order))
    if order.heavy:
        picture = _grainy(picture, rng)
    return _encode(picture, order)


def picture_size(order: Order, *, auto_ratio: float = 1.0) -> tuple[int, int]:
    """Give width and height in pixels, multiples of 8; ``auto_ratio`` is that of the first reference."""
    if order.aspect_ratio in _AS_THE_REFERENCE:
        ratio = min(max(auto_ratio, 1 / _MAX_RATIO), _MAX_RATIO)
    else:
        across, _, down = order.aspect_ratio.partition(":")
        ratio = float(across) / float(down)
    if order.quick:
        width, height = QUICK_SIDE * min(1.0, ratio), QUICK_SIDE * min(1.0, 1 / ratio)
    else:
        side = BASE_SIDE[order.resolution]
        width, height = side * math.sqrt(ratio), side / math.sqrt(ratio)
    return _rounded(width), _rounded(height)


def _rounded(length: float) -> int:
    return max(_MULTIPLE, round(length / _MULTIPLE) * _MULTIPLE)


def _facts(order: Order) -> list[str]:
    count = len(order.references)
    counted = ["1 reference"] if count == 1 else [f"{count} references"] if count else []
    return [order.model, order.aspect_ratio or "auto", order.resolution, order.suffix.upper(), *counted]


def _open_reference(path: Path) -> Image.Image | None:
    """Open one reference the right way up, no larger than a thumbnail needs; ``None`` where it can't be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as source:
                source.draft("RGB", (_THUMBNAIL_SIDE, _THUMBNAIL_SIDE))
                source.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE))
                upright = ImageOps.exif_transpose(source).convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None
    paper = Image.new("RGBA", upright.size, "white")
    paper.alpha_composite(upright)
    return paper.convert("RGB")


def _grainy(picture: Image.Image, rng: Random) -> Image.Image:
    """Lay a photograph's grain over ``picture``."""
    noise = Image.frombytes("L", picture.size, rng.randbytes(picture.width * picture.height))
    grain = noise.point([round(128 + (value - 128) * _GRAIN) for value in range(256)])
    return ImageChops.add(picture, Image.merge("RGB", (grain, grain, grain)), scale=1, offset=-128)


def _encode(picture: Image.Image, order: Order) -> bytes:
    """Encode as asked for, with the word that no camera took it."""
    xmp = _XMP.format(source=MADE_BY_AI, description=escape(_sayable(order.prompt)))
    sink = io.BytesIO()
    if order.suffix == "png":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp)
        info.add_text("Software", "Rivya sandbox")
        picture.save(sink, "PNG", pnginfo=info, compress_level=1 if order.heavy else 4)
    else:
        picture.save(sink, "JPEG", quality=_JPEG_QUALITY, xmp=xmp.encode(), comment="Rivya sandbox")
    return sink.getvalue()


def _sayable(prompt: str, limit: int = 500) -> str:
    """Cut ``prompt`` to what may stand in XML."""
    cut = prompt[:limit].encode(errors="replace").decode()
    return "".join(char for char in cut if char.isprintable() or char in "\n\t")


_XMP: Final = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">'
    "<Iptc4xmpExt:DigitalSourceType>{source}</Iptc4xmpExt:DigitalSourceType>"
    "<xmp:CreatorTool>Rivya sandbox</xmp:CreatorTool>"
    '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{description}</rdf:li></rdf:Alt></dc:description>'
    '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
