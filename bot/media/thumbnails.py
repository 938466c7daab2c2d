"""Small pictures of pictures, for lists."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from bot.media.containers import read_layout
from bot.media.durable import remove_quietly
from bot.media.layout import Layout, NotWhole
from bot.media.pixels import ONE_AT_A_TIME, UPRIGHT, sketch
from bot.media.provenance import carry_over
from bot.media.results import DamagedResult

SIDE = 256
"""The longer side in pixels: Discord shows a thumbnail at about 85, on a fine screen with three pixels for each."""
_QUALITY = 80
_METADATA_BYTES = 4096
"""Enough to say that a model made it, and for a small colour profile."""


def thumbnail(source: Path, *, folder: Path) -> Path:
    """Return a WebP of at most `SIDE` × `SIDE` pixels that shows the picture at ``source``, upright, in its shape.

    It is written to ``folder``, which exists, as ``<name>.<size and time of the source>.thumb.webp``; when it is there
    already, it is used again, so another picture under the same name is not answered with it. Raises `DamagedResult`
    when the source is no whole picture, and OSError. Some 10 kB; half a second for a 4096 × 4096 PNG.
    """
    status = source.stat()
    final = folder / f"{source.stem}.{status.st_size:x}-{status.st_mtime_ns:x}.thumb.webp"
    if final.exists():
        return final
    try:
        layout = read_layout(source.read_bytes())
        with ONE_AT_A_TIME:
            if not final.exists():  # whoever held the lock may have made it
                _write(layout, final)
    except NotWhole as error:
        raise DamagedResult(str(error)) from error
    return final


def _write(layout: Layout, final: Path) -> None:
    image = sketch(layout.open_picture(), layout.kind, (layout.width, layout.height), side=SIDE)
    profile = image.info.get("icc_profile") or b""
    image = _plain(image)
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    if layout.orientation in UPRIGHT:
        image = image.transpose(UPRIGHT[layout.orientation])
    carried = carry_over(layout.metadata, profile=profile, mode=image.mode, budget_bytes=_METADATA_BYTES)
    temporary = final.with_name(final.name + ".part")
    try:
        options = {"xmp": carried.xmp} | ({"icc_profile": carried.profile} if carried.profile else {})
        image.save(temporary, format="WEBP", quality=_QUALITY, method=4, **options)
        temporary.replace(final)  # not fsynced: it is made again when it is needed
    finally:
        remove_quietly(temporary)


def _plain(image: Image.Image) -> Image.Image:
    """Return the picture in a mode that WebP takes."""
    if image.mode.startswith("I"):  # grey of 16 bits, which convert("L") would clip at 255
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    if image.mode in {"RGB", "RGBA"}:
        return image
    return image.convert("RGBA" if image.has_transparency_data else "RGB")
