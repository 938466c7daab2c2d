"""PNG files by their chunks."""

from __future__ import annotations

import zlib

from bot.media.layout import MAX_PARTS, MAX_TEXT_BYTES, Layout, Metadata, NotWhole, Ranges
from bot.media.sniffing import ImageKind

_DRAWS = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"bKGD", b"pHYs"} | {
    # colour
    *(b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"cLLI"),
}


def scan(data: bytes) -> Layout:
    """Read the layout of a PNG; raises `NotWhole`. Checksums are left to the decoder."""
    ranges = Ranges(data)
    ranges.keep(0, 8)
    width = height = frames = 0
    exif = xmp = b""
    c2pa: list[bytes] = []
    texts: list[tuple[str, str]] = []
    room_bytes = MAX_TEXT_BYTES
    has_picture = False
    at = 8
    view = memoryview(data)
    for _ in range(MAX_PARTS):
        length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        stop = at + 12 + length
        if stop > len(data):
            raise NotWhole(f"PNG chunk {name!r} at {at} leads out of the file")
        payload = view[at + 8 : stop - 4]
        if (at == 8) != (name == b"IHDR"):
            raise NotWhole("a PNG that does not begin with its header")
        if name in _DRAWS:
            ranges.keep(at, stop)
        if name == b"IHDR":
            width, height = int.from_bytes(payload[:4], "big"), int.from_bytes(payload[4:8], "big")
        elif name == b"IDAT":
            has_picture = True
        elif name == b"acTL":
            frames = int.from_bytes(payload[:4], "big")
        elif name == b"eXIf":
            exif = bytes(payload).removeprefix(b"Exif\x00\x00")
        elif name == b"caBX":
            c2pa.append(bytes(payload))
        elif name in _TEXT_READERS and len(payload) <= room_bytes:
            keyword, text = _TEXT_READERS[name](bytes(payload), room_bytes)
            room_bytes -= len(text)
            if keyword == "XML:com.adobe.xmp":
                xmp = xmp or text.encode()
            elif text:
                texts.append((keyword, text))
        at = stop
        if name == b"IEND":
            break
    else:
        raise NotWhole("a PNG of too many chunks")
    if not has_picture:
        raise NotWhole("a PNG without a picture")
    return Layout(
        kind=ImageKind.PNG,
        width=width,
        height=height,
        pieces=ranges.pieces(),
        clean=ranges.whole,
        animated=frames > 1,
        lossless=True,
        metadata=Metadata(exif=exif, xmp=xmp, c2pa=b"".join(c2pa), texts=tuple(texts)),
    )


def _plain_text(payload: bytes, _room_bytes: int) -> tuple[str, str]:
    keyword, _, text = payload.partition(b"\x00")
    return keyword.decode("latin-1"), text.decode("latin-1")


def _packed_text(payload: bytes, room_bytes: int) -> tuple[str, str]:
    keyword, _, rest = payload.partition(b"\x00")
    return keyword.decode("latin-1"), _unpack(rest[1:], room_bytes).decode("latin-1")


def _international_text(payload: bytes, room_bytes: int) -> tuple[str, str]:
    keyword, _, rest = payload.partition(b"\x00")
    _language, _, translated = rest[2:].partition(b"\x00")
    _translated, _, text = translated.partition(b"\x00")
    if rest[:1] == b"\x01":
        text = _unpack(text, room_bytes)
    return keyword.decode("latin-1"), text.decode("utf-8", "replace")


def _unpack(packed: bytes, room_bytes: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, room_bytes + 1)[:room_bytes]
    except zlib.error:
        return b""


_TEXT_READERS = {b"tEXt": _plain_text, b"zTXt": _packed_text, b"iTXt": _international_text}
