"""JPEG files by their segments."""

from __future__ import annotations

import re

from bot.media.layout import MAX_PARTS, MAX_TEXT_BYTES, Layout, Metadata, NotWhole, Ranges
from bot.media.sniffing import ImageKind

MAX_SCANS = 100
"""Progressive files have about ten. Each further scan costs a full pass over the picture, which is an old way to
make a decoder work for minutes; libjpeg-turbo's own tools offer a limit for the same reason."""

_EXIF = b"Exif\x00\x00"
_XMP = b"http://ns.adobe.com/xap/1.0/\x00"
_IPTC = b"Photoshop 3.0\x00"

_SOI, _EOI, _SOS, _COMMENT = 0xD8, 0xD9, 0xDA, 0xFE
_NO_PAYLOAD = {0x01, _SOI, *range(0xD0, 0xD8)}
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_DRAWS = _FRAMES | {0xC4, 0xCC, _SOS, 0xDB, 0xDC, 0xDD}
_APP_THAT_DRAWS = {0xE0: b"JFIF\x00", 0xE2: b"ICC_PROFILE\x00", 0xEE: b"Adobe"}

_MARKER = re.compile(rb"\xff[\x01-\xfe]")
# Inside entropy-coded data FF00 is a byte FF, FFD0–FFD7 are restarts and FFFF is filling; all else ends it.
_END_OF_SCAN = re.compile(rb"\xff[\x02-\xcf\xd8-\xfe]")


def scan(data: bytes) -> Layout:
    """Read the layout of a JPEG; raises `NotWhole` also when the end marker is missing, as after a cut download."""
    ranges = Ranges(data)
    ranges.keep(0, 2)
    width = height = scans = 0
    exif = xmp = iptc = b""
    c2pa: list[bytes] = []
    texts: list[tuple[str, str]] = []
    room_bytes = MAX_TEXT_BYTES
    at = 2
    for _ in range(MAX_PARTS):
        found = _MARKER.search(data, at)
        if found is None:
            raise NotWhole("a JPEG without its end marker")
        at, marker = found.start(), data[found.start() + 1]
        if marker == _EOI:
            ranges.keep(at, at + 2)
            break
        if marker in _NO_PAYLOAD:
            at += 2
            continue
        stop = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if stop < at + 4 or stop > len(data):
            raise NotWhole(f"JPEG segment {marker:02x} at {at} leads out of the file")
        payload = data[at + 4 : stop]
        if marker in _DRAWS or (marker in _APP_THAT_DRAWS and payload.startswith(_APP_THAT_DRAWS[marker])):
            ranges.keep(at, stop)
        if marker in _FRAMES and not width:
            height, width = int.from_bytes(payload[1:3], "big"), int.from_bytes(payload[3:5], "big")
        elif marker == _SOS:
            scans += 1
            end = _END_OF_SCAN.search(data, stop)
            if end is None or scans > MAX_SCANS:
                raise NotWhole("a JPEG cut off in its picture data" if end is None else "too many scans")
            ranges.keep(stop, end.start())
            stop = end.start()
        elif marker == 0xE1 and payload.startswith(_EXIF):
            exif = exif or payload.removeprefix(_EXIF)
        elif marker == 0xE1 and payload.startswith(_XMP):
            xmp = xmp or payload.removeprefix(_XMP)
        elif marker == 0xED and payload.startswith(_IPTC):
            iptc = iptc or payload
        elif marker == 0xEB:
            c2pa.append(payload)
        elif marker == _COMMENT and len(payload) <= room_bytes:
            room_bytes -= len(payload)
            texts.append(("Comment", payload.decode("utf-8", "replace").strip("\x00 ")))
        at = stop
    else:
        raise NotWhole("a JPEG of too many segments")
    if not scans:
        raise NotWhole("a JPEG without a picture")
    return Layout(
        kind=ImageKind.JPEG,
        width=width,
        height=height,
        pieces=ranges.pieces(),
        clean=ranges.whole,
        animated=False,
        lossless=False,
        metadata=Metadata(exif=exif, xmp=xmp, iptc=iptc, c2pa=b"".join(c2pa), texts=tuple(texts)),
    )
