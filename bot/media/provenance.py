"""What a picture says about itself, carried over into an encoding made from it.

A generated picture should go on saying that it is one. EXIF, XMP, IPTC and the colour profile are taken along as
they are; PNG's text chunks and JPEG's comments, which other formats have no place for, go into XMP. Where the XMP
names no digital source type, the one that the C2PA manifest names is added, or else "trained algorithmic media".

The C2PA manifest itself (PNG chunk caBX, JPEG segment APP11, WebP chunk C2PA) is not taken along: it signs a hash
of the original's bytes, so beside other bytes it would read as a forgery. It stays in the original file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from bot.media.layout import Metadata
from bot.media.sniffing import ImageKind

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
"""IPTC's vocabulary of digital source types; `trainedAlgorithmicMedia` is what a model made."""

_MAX_SEGMENT_BYTES = 65_000  # one JPEG segment holds 65,533, of which names take up to 35
_MAX_PROFILE_BYTES = 1 << 20

_SOURCE_IN_C2PA = re.compile(rb"digitalsourcetype/([A-Za-z]{4,60})")
_ABOUT = re.compile(r"""rdf:about\s*=\s*["']([^"'<&]*)["']""")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PROFILE_SPACES = {"L": b"GRAY", "RGB": b"RGB ", "RGBA": b"RGB ", "CMYK": b"CMYK"}


@dataclass(frozen=True, slots=True)
class Carried:
    """Metadata for a new encoding, within a budget of bytes."""

    exif: bytes
    xmp: bytes
    iptc: bytes
    profile: bytes

    def save_options(self, kind: ImageKind) -> dict[str, Any]:
        """Return what Pillow's ``save`` wants for ``kind``, JPEG or WebP."""
        options: dict[str, Any] = {"xmp": self.xmp}
        if self.exif:
            options["exif"] = b"Exif\x00\x00" + self.exif
        if self.profile:
            options["icc_profile"] = self.profile
        if self.iptc and kind is ImageKind.JPEG:
            options["extra"] = b"\xff\xed" + (len(self.iptc) + 2).to_bytes(2, "big") + self.iptc
        return options


def carry_over(metadata: Metadata, *, profile: bytes, mode: str, budget_bytes: int) -> Carried:
    """Choose what goes along, at most ``budget_bytes`` of it (2 KiB or more, or the source type alone is over it).

    The source type always goes; then the XMP, the colour profile (where it is one for Pillow's ``mode``), EXIF, IPTC
    and the texts, each if there is still room.
    """
    source_type = _source_type(metadata)
    xmp = _say_source(metadata.xmp, source_type)
    if len(xmp) > min(budget_bytes, _MAX_SEGMENT_BYTES):
        xmp = _say_source(b"", source_type)
    left = budget_bytes - len(xmp)
    if profile[16:20] != _PROFILE_SPACES.get(mode) or len(profile) > min(left, _MAX_PROFILE_BYTES):
        profile = b""
    left -= len(profile)
    exif = metadata.exif if len(metadata.exif) <= min(left, _MAX_SEGMENT_BYTES) else b""
    left -= len(exif)
    iptc = metadata.iptc if len(metadata.iptc) <= min(left, _MAX_SEGMENT_BYTES) else b""
    left -= len(iptc)
    with_texts = _say_texts(xmp, metadata.texts)
    if len(with_texts) - len(xmp) <= left and len(with_texts) <= _MAX_SEGMENT_BYTES:
        xmp = with_texts
    return Carried(exif=exif, xmp=xmp, iptc=iptc, profile=profile)


def _source_type(metadata: Metadata) -> str:
    named = {match.decode() for match in _SOURCE_IN_C2PA.findall(metadata.c2pa)}
    return named.pop() if len(named) == 1 else "trainedAlgorithmicMedia"


def _say_source(xmp: bytes, source_type: str) -> bytes:
    if b"DigitalSourceType" in xmp:
        return xmp
    return _with_description(
        xmp,
        'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"',
        f"<Iptc4xmpExt:DigitalSourceType>{SOURCE_TYPES}{source_type}</Iptc4xmpExt:DigitalSourceType>",
    )


def _say_texts(xmp: bytes, texts: tuple[tuple[str, str], ...]) -> bytes:
    """Add texts as one ``exif:UserComment``, a line "keyword: text" each; XMP that has one keeps its own."""
    if not texts or b"UserComment" in xmp:
        return xmp
    comment = escape(_NOT_XML.sub("", "\n".join(f"{keyword}: {text}" for keyword, text in texts)))
    return _with_description(
        xmp,
        'xmlns:exif="http://ns.adobe.com/exif/1.0/"',
        f'<exif:UserComment><rdf:Alt><rdf:li xml:lang="x-default">{comment}</rdf:li></rdf:Alt></exif:UserComment>',
    )


def _with_description(xmp: bytes, namespace: str, properties: str) -> bytes:
    """Add properties to an XMP packet, or to a new one where there is none that could be added to."""
    packet = xmp.decode("utf-8", "replace")
    head, end, tail = packet.rpartition("</rdf:RDF>")
    if not end:
        head, tail = _NEW_PACKET
    about = _ABOUT.search(head)
    subject = about.group(1) if about else ""
    described = f'<rdf:Description rdf:about="{subject}" {namespace}>{properties}</rdf:Description>'
    return f"{head}{described}</rdf:RDF>{tail}".encode()


_NEW_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">',
    '</x:xmpmeta><?xpacket end="w"?>',
)
