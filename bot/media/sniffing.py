"""What a file is, told by its first bytes and never by its name."""

from __future__ import annotations

from enum import StrEnum

HEAD_BYTES = 1024
"""How much of a file `sniff` wants to see; an SVG may open with a long comment."""


class ImageKind(StrEnum):
    """A kind of file, by signature; only JPEG, PNG and WebP are ever decoded."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    GIF = "gif"
    BMP = "bmp"
    TIFF = "tiff"
    HEIC = "heic"
    AVIF = "avif"
    PDF = "pdf"
    SVG = "svg"
    MP4 = "mp4"
    ZIP = "zip"

    @property
    def mime(self) -> str:
        """The media type, as in ``image/jpeg``."""
        return _MIMES.get(self, f"image/{self.value}")

    @property
    def extension(self) -> str:
        """The usual end of a file name, with its dot."""
        return ".jpg" if self is ImageKind.JPEG else f".{self.value}"

    @property
    def words(self) -> str:
        """The kind with its article, to follow "is": "a GIF", "an AVIF image"."""
        return _WORDS[self]


def sniff(head: bytes) -> ImageKind | None:
    """Tell the kind of a file from its first bytes (`HEAD_BYTES` of them are plenty); None when unknown."""
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return ImageKind.WEBP
    if head[4:8] == b"ftyp":
        return _sniff_iso_media(head)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"<") and b"<svg" in text:
        return ImageKind.SVG
    return None


_MIMES = {
    ImageKind.SVG: "image/svg+xml",
    ImageKind.PDF: "application/pdf",
    ImageKind.MP4: "video/mp4",
    ImageKind.ZIP: "application/zip",
}

_WORDS = {
    ImageKind.JPEG: "a JPEG image",
    ImageKind.PNG: "a PNG image",
    ImageKind.WEBP: "a WebP image",
    ImageKind.GIF: "a GIF",
    ImageKind.BMP: "a BMP image",
    ImageKind.TIFF: "a TIFF image",
    ImageKind.HEIC: "a HEIC photo",
    ImageKind.AVIF: "an AVIF image",
    ImageKind.PDF: "a PDF",
    ImageKind.SVG: "an SVG drawing",
    ImageKind.MP4: "a video",
    ImageKind.ZIP: "a ZIP archive",
}

_SIGNATURES = (
    (b"\xff\xd8\xff", ImageKind.JPEG),
    (b"\x89PNG\r\n\x1a\n", ImageKind.PNG),
    (b"GIF87a", ImageKind.GIF),
    (b"GIF89a", ImageKind.GIF),
    (b"BM", ImageKind.BMP),
    (b"II*\x00", ImageKind.TIFF),
    (b"MM\x00*", ImageKind.TIFF),
    (b"%PDF-", ImageKind.PDF),
    (b"PK\x03\x04", ImageKind.ZIP),
    (b"PK\x05\x06", ImageKind.ZIP),
)

_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}


def _sniff_iso_media(head: bytes) -> ImageKind:
    """AVIF, HEIC or else a video: all three are ISO media files, told apart by their list of brands."""
    box_bytes = int.from_bytes(head[:4], "big")
    brands = [head[8:12]] + [head[at : at + 4] for at in range(16, min(box_bytes, len(head), 128), 4)]
    if _AVIF_BRANDS.intersection(brands):
        return ImageKind.AVIF
    if _HEIC_BRANDS.intersection(brands):
        return ImageKind.HEIC
    return ImageKind.MP4
