"""Making a person's reference image ready to leave the machine: checked, upright, and without where it was taken."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.JpegImagePlugin import get_sampling

from bot.errors import ReferenceRefused
from bot.media.containers import read_layout
from bot.media.durable import commit_file, remove_quietly
from bot.media.layout import Layout, NotWhole
from bot.media.pixels import ONE_AT_A_TIME, UPRIGHT, decode, verify
from bot.media.sniffing import HEAD_BYTES, ImageKind, sniff

MAX_REFERENCE_PIXELS = 8192 * 6144
"""50.3 megapixels: just above the full frame of a phone's "50 MP" camera (8160 × 6144), the largest photo people
commonly have. Decoded it takes 200 MB, the largest amount that a small machine can be asked for."""

REFERENCE_KINDS = frozenset({ImageKind.JPEG, ImageKind.PNG, ImageKind.WEBP})
"""What the image service takes (its model pages), and what is decoded here."""

REFERENCE_MIMES = frozenset(kind.mime for kind in REFERENCE_KINDS)
"""The same as media types."""


class ReferenceChange(StrEnum):
    """What was done to a reference."""

    NONE = "none"
    METADATA = "metadata"
    """Everything but the picture and its colour profile was left out; the pixels are the same bytes as before."""
    ROTATED = "rotated"
    """Turned upright and encoded anew, also without metadata."""


@dataclass(frozen=True, slots=True)
class PreparedReference:
    """A reference ready for upload: extent in pixels as one sees it, ``sha256`` in hexadecimal digits."""

    path: Path
    mime: str
    width: int
    height: int
    size_bytes: int
    sha256: str
    changed: ReferenceChange


def prepare_reference(
    source: Path,
    destination: Path,
    *,
    filename: str,
    max_bytes: int,
    max_pixels: int = MAX_REFERENCE_PIXELS,
    allowed: frozenset[str] = REFERENCE_MIMES,
) -> PreparedReference:
    """Check the image at ``source`` and write what may be uploaded to ``destination``, durably.

    ``filename`` is what the person called it; ``allowed`` are the media types that the model takes. Raises
    `ReferenceRefused`, with ``destination`` not touched, or OSError. The source stays as it is.

    * Kind, emptiness, size and pixel count are judged from the header, before anything is decoded; then the whole
      picture is decoded once, so a cut-off file is refused here and not by a paid task.
    * Only what draws the picture stays, with its colour profile: EXIF, XMP, IPTC, comments, thumbnails, second
      pictures and whatever follows the end go, and GPS data with them. That rewrites segments, never pixels. When
      there is nothing to drop, the destination is the same bytes (a hard link where possible).
    * An EXIF orientation is applied to the pixels, since services differ in whether they heed it. For a PNG or a
      lossless WebP this loses nothing. A JPEG keeps its quantization tables (turned along) and subsampling, so what
      it loses is rounding; a lossy WebP is encoded at quality 95. A 16-bit colour PNG comes out with 8 bits.
    * An animated image is refused instead of cut to its first frame: that frame is often blank, and a picture would
      be paid for that is based on something nobody chose.

    The file and its folder are fsynced.
    """
    size_bytes = source.stat().st_size
    if not size_bytes:
        raise ReferenceRefused(filename, "is empty.")
    with source.open("rb") as file:
        _check_kind(filename, sniff(file.read(HEAD_BYTES)), allowed)
    if size_bytes > max_bytes:
        raise ReferenceRefused(filename, f"is {_megabytes(size_bytes, max_bytes)}.")
    try:
        temporary = destination.with_name(destination.name + ".part")
        remove_quietly(temporary)
        try:
            # The file's bytes are let go before its pixels are in memory.
            picture = _write(source, temporary, filename=filename, max_bytes=max_bytes, max_pixels=max_pixels)
            if picture.changed is not ReferenceChange.ROTATED:
                with ONE_AT_A_TIME, temporary.open("rb") as file:
                    verify(file, picture.kind, (picture.width, picture.height))
            commit_file(temporary, destination)
        finally:
            remove_quietly(temporary)
    except NotWhole as error:
        raise ReferenceRefused(filename, "is damaged and can't be read.") from error
    with destination.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return PreparedReference(
        destination,
        picture.kind.mime,
        picture.width,
        picture.height,
        destination.stat().st_size,
        sha256,
        picture.changed,
    )


@dataclass(frozen=True, slots=True)
class _Written:
    kind: ImageKind
    width: int
    height: int
    changed: ReferenceChange


def _check_kind(filename: str, kind: ImageKind | None, allowed: frozenset[str]) -> None:
    names = [
        name
        for known, name in (
            (ImageKind.JPEG, "JPEG"),
            (ImageKind.PNG, "PNG"),
            (ImageKind.WEBP, "WebP"),
        )
        if known.mime in allowed
    ]
    if kind in REFERENCE_KINDS and kind.mime in allowed:
        return
    found = kind.words if kind else "not an image I can read"
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    raise ReferenceRefused(filename, f"is {found}. {listed} images work.")


def _write(source: Path, temporary: Path, *, filename: str, max_bytes: int, max_pixels: int) -> _Written:
    """Write what may leave the machine to ``temporary``; nothing of the source is in memory afterwards."""
    layout = read_layout(source.read_bytes())
    if layout.animated:
        raise ReferenceRefused(
            filename, "is animated; only still images work. A screenshot of the frame you want does it."
        )
    if layout.pixels > max_pixels:
        raise ReferenceRefused(filename, f"is {_megapixels(layout.pixels, max_pixels)}.")
    if layout.orientation != 1:
        with ONE_AT_A_TIME:
            _write_upright(layout, temporary, filename, max_bytes)
        sideways = layout.orientation >= 5
        width, height = (layout.height, layout.width) if sideways else (layout.width, layout.height)
        return _Written(layout.kind, width, height, ReferenceChange.ROTATED)
    if layout.clean:
        _link_or_copy(source, temporary)
    else:
        with temporary.open("xb") as file:
            file.writelines(layout.pieces)
    changed = ReferenceChange.NONE if layout.clean else ReferenceChange.METADATA
    return _Written(layout.kind, layout.width, layout.height, changed)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)


def _write_upright(layout: Layout, target: Path, filename: str, max_bytes: int) -> None:
    """Write the picture turned as its EXIF orientation says; gently first, smaller if that is over ``max_bytes``."""
    image = decode(layout.open_picture(), layout.kind, (layout.width, layout.height))
    choices = _encodings(layout, image)
    with image:
        upright = image.transpose(UPRIGHT[layout.orientation])
    profile = upright.info.get("icc_profile")
    size_bytes = 0
    for options in choices:
        upright.save(target, format=layout.kind.value, icc_profile=profile, **options)
        size_bytes = target.stat().st_size
        if size_bytes <= max_bytes:
            return
    raise ReferenceRefused(filename, f"is {_megabytes(size_bytes, max_bytes)} once turned upright.")


def _encodings(layout: Layout, image: Image.Image) -> Iterator[dict[str, Any]]:
    match layout.kind:
        case ImageKind.JPEG:
            kept = _same_tables(image, sideways=layout.orientation >= 5)
            return iter([*kept, {"quality": 95, "subsampling": 0}, {"quality": 90}])
        case ImageKind.WEBP:
            first = {"lossless": True, "quality": 0, "method": 0} if layout.lossless else {"quality": 95}
            return iter([first, {"quality": 90}])
        case _:
            return iter([{"compress_level": 6}, {"compress_level": 9}])


def _same_tables(image: Image.Image, *, sideways: bool) -> list[dict[str, Any]]:
    """Quantization tables and subsampling of a JPEG, to encode it again on the same grid.

    Only for the ordinary case of grey or YCbCr with one or two tables: elsewhere Pillow would give a table to
    another component than it had.
    """
    tables: dict[int, list[int]] = getattr(image, "quantization", {})
    ordinary = image.mode in {"L", "RGB"} and image.info.get("adobe_transform", 1) == 1
    if not ordinary or sorted(tables) not in ([0], [0, 1]):
        return []
    turn: Callable[[list[int]], list[int]] = _transposed if sideways else list
    options: dict[str, Any] = {"qtables": [turn(list(tables[index])) for index in sorted(tables)]}
    if image.mode == "RGB":
        sampling = get_sampling(image)
        # 4:2:2 halves the width; turned it would have to halve the height, which Pillow can't write.
        options["subsampling"] = 0 if sampling == 1 and sideways else max(sampling, 0)
    return [options]


def _transposed(table: list[int]) -> list[int]:
    return [table[index % 8 * 8 + index // 8] for index in range(64)]


def _megabytes(size_bytes: int, max_bytes: int) -> str:
    unit_bytes = 1 << 20 if max_bytes % (1 << 20) == 0 else 1_000_000  # whichever makes the limit a round number
    return _over(size_bytes / unit_bytes, max_bytes / unit_bytes, "MB")


def _megapixels(pixels: int, max_pixels: int) -> str:
    return _over(pixels / 1_000_000, max_pixels / 1_000_000, "megapixels")


def _over(found: float, limit: float, unit: str) -> str:
    """Say "31 MB; at most 30 MB work", with as many digits as it takes to see the difference."""
    for digits in range(3):
        if f"{found:,.{digits}f}" != f"{limit:,.{digits}f}":
            return f"{found:,.{digits}f} {unit}; at most {limit:,.{digits}f} {unit} work"
    return f"just over {limit:,.0f} {unit}; at most {limit:,.0f} {unit} work"
