"""The inside of an image file, as `bot.media.containers.read_layout` finds it."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Literal

from bot.media.sniffing import ImageKind


class NotWhole(ValueError):
    """The bytes are no whole JPEG, PNG or WebP; the text says where they end or go wrong, for the log."""


MAX_PARTS = 65_536
"""Segments or chunks that are read of one file. Encoders write some thousands at most; a file made of nothing but
empty ones would keep a walker busy for many seconds."""

MAX_TEXT_BYTES = 1 << 20
"""Texts that are read of one file, unpacked: a few packed bytes can claim a gigabyte."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a file says beside its pixels; every part as stored, without the container's own prefix."""

    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""
    """The payload of JPEG's APP13 segment."""
    c2pa: bytes = b""
    texts: tuple[tuple[str, str], ...] = ()
    """Keyword and text: PNG's text chunks, JPEG's comments."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One image file; ``width`` and ``height`` are in pixels as stored, before any EXIF orientation."""

    kind: ImageKind
    width: int
    height: int
    pieces: tuple[bytes | memoryview, ...] = field(repr=False)
    """The bytes that draw the picture, in order: together a valid file of the same kind, colour profile included."""
    clean: bool
    """The pieces are the whole file: there is nothing else in it."""
    animated: bool
    lossless: bool
    metadata: Metadata = field(repr=False)

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height

    @property
    def orientation(self) -> int:
        """EXIF orientation 1–8; 1, upright, when nothing (or nonsense) is said."""
        return _orientation(self.metadata.exif)

    def open_picture(self) -> io.BytesIO:
        """Return the picture alone as a file in memory: what Pillow decodes never holds metadata."""
        if len(self.pieces) == 1 and isinstance(self.pieces[0], bytes):
            return io.BytesIO(self.pieces[0])
        return io.BytesIO(b"".join(self.pieces))


class Ranges:
    """Stretches of one file that are kept, joined where they touch."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._ranges: list[tuple[int, int]] = []

    def keep(self, start: int, stop: int) -> None:
        """Keep the bytes from ``start`` up to ``stop``."""
        if self._ranges and self._ranges[-1][1] == start:
            start = self._ranges.pop()[0]
        self._ranges.append((start, stop))

    @property
    def whole(self) -> bool:
        """Every byte of the file is kept."""
        return self._ranges == [(0, len(self._data))]

    def pieces(self) -> tuple[bytes | memoryview, ...]:
        """Return the kept bytes, without copying them."""
        if self.whole:
            return (self._data,)
        view = memoryview(self._data)
        return tuple(view[start:stop] for start, stop in self._ranges)


def _orientation(exif: bytes) -> int:
    """Read tag 0x0112 of the first directory of a TIFF structure; 1 for anything unexpected.

    Pillow's own reader warns and raises in many ways on hostile data; twelve bytes are needed of it.
    """
    if exif[:4] not in {b"II*\x00", b"MM\x00*"}:
        return 1
    order: Literal["little", "big"] = "little" if exif[:2] == b"II" else "big"
    start = int.from_bytes(exif[4:8], order)
    for index in range(int.from_bytes(exif[start : start + 2], order)):
        at = start + 2 + 12 * index
        entry = exif[at : at + 12]
        if len(entry) == 12 and int.from_bytes(entry[:2], order) == 0x0112:
            value = int.from_bytes(entry[8:10], order)
            return value if 1 <= value <= 8 else 1
    return 1
