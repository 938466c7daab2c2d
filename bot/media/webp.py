"""WebP files by their chunks."""

from __future__ import annotations

from bot.media.layout import MAX_PARTS, Layout, Metadata, NotWhole
from bot.media.sniffing import ImageKind

_DRAWS = {b"VP8 ", b"VP8L", b"ALPH", b"ICCP", b"ANIM", b"ANMF"}
_HAS_EXIF_OR_XMP = 0x0C  # bits of the first byte of VP8X


def scan(data: bytes) -> Layout:
    """Read the layout of a WebP; raises `NotWhole`."""
    view = memoryview(data)
    end = 8 + int.from_bytes(data[4:8], "little")
    end += end % 2
    if end > len(data) + 1:  # some writers forget the last padding byte
        raise NotWhole("a WebP cut off before its end")
    sizes: list[tuple[int, int]] = []
    pieces: list[bytes | memoryview] = []
    exif = xmp = b""
    c2pa: list[bytes] = []
    frames = 0
    lossless = dropped = False
    at = 12
    for _ in range(MAX_PARTS):
        if at + 8 > end:
            break
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        stop = at + 8 + length
        if stop > len(data) or stop > end:
            raise NotWhole(f"WebP chunk {name!r} at {at} leads out of the file")
        payload = view[at + 8 : stop]
        if name == b"VP8X":
            if length != 10:
                raise NotWhole("a WebP header of the wrong length")
            flags = payload[0] & ~_HAS_EXIF_OR_XMP
            dropped |= flags != payload[0]
            pieces.append(bytes(view[at : at + 8]) + bytes([flags]) + bytes(payload[1:]))
            sizes.append((_number(payload, 4, 3) + 1, _number(payload, 7, 3) + 1))
        elif name in _DRAWS:
            pieces.append(view[at:stop])
            if length % 2:
                pieces.append(b"\x00")
            if name in {b"VP8 ", b"VP8L"}:
                sizes.append(_size(name, payload))
                lossless = name == b"VP8L"
            frames += name == b"ANMF"
        else:
            dropped = True
            if name == b"EXIF":
                exif = bytes(payload).removeprefix(b"Exif\x00\x00")
            elif name == b"XMP ":
                xmp = bytes(payload)
            elif name == b"C2PA":
                c2pa.append(bytes(payload))
        at = stop + length % 2
    else:
        raise NotWhole("a WebP of too many chunks")
    if not sizes or any(size != sizes[0] for size in sizes):
        raise NotWhole("a WebP without a picture, or of two sizes")
    body_bytes = sum(len(piece) for piece in pieces)
    pieces.insert(0, b"RIFF" + (4 + body_bytes).to_bytes(4, "little") + b"WEBP")
    return Layout(
        kind=ImageKind.WEBP,
        width=sizes[0][0],
        height=sizes[0][1],
        pieces=(data,) if (clean := not dropped and body_bytes + 12 == len(data)) else tuple(pieces),
        clean=clean,
        animated=frames > 1,
        lossless=lossless,
        metadata=Metadata(exif=exif, xmp=xmp, c2pa=b"".join(c2pa)),
    )


def _size(name: bytes, payload: memoryview) -> tuple[int, int]:
    """Width and height by the header of the picture data itself, which may differ from what VP8X claims."""
    if name == b"VP8 ":
        if bytes(payload[3:6]) != b"\x9d\x01\x2a":
            raise NotWhole("WebP picture data without its start code")
        return _number(payload, 6, 2) & 0x3FFF, _number(payload, 8, 2) & 0x3FFF
    bits = _number(payload, 1, 4)
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def _number(payload: memoryview, at: int, length: int) -> int:
    return int.from_bytes(payload[at : at + length], "little")
