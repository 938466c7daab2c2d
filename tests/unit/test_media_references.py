"""Reference images: what is refused and with which words, and what is left in those that pass."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageCms, ImageOps, ImageStat

from bot.errors import ReferenceRefused
from bot.media import ImageKind, PreparedReference, ReferenceChange, prepare_reference, sniff

MAX_BYTES = 30 * 1024 * 1024
PLACE = b"48.8584N"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><exif:GPSLatitude>" + PLACE + b"</exif:GPSLatitude></x:xmpmeta>"


def picture(width: int = 48, height: int = 32, mode: str = "RGB") -> Image.Image:
    """A picture without any symmetry, smooth enough for JPEG."""
    red = Image.linear_gradient("L").resize((width, height))
    green = red.transpose(Image.Transpose.ROTATE_90).resize((width, height))
    blue = Image.radial_gradient("L").resize((width, height))
    image = Image.merge("RGB", (red, green, blue))
    image.paste((250, 20, 20), (0, 0, width // 3, height // 4))
    if mode == "RGBA":
        image.putalpha(green.point(lambda value: 100 + value // 2))
    return image.convert(mode)


def exif(orientation: int = 1, place: bytes = b"") -> bytes:
    data = Image.Exif()
    data[0x0112] = orientation
    if place:
        data[0x8825] = {1: "N", 2: (48.0, 51.0, 30.0), 29: place.decode()}
    return data.tobytes()


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=kind, **options)
    return stream.getvalue()


def png_chunk(name: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", zlib.crc32(name + payload))


def png_with(data: bytes, *chunks: bytes) -> bytes:
    """Insert chunks after the header of a PNG."""
    return data[:33] + b"".join(chunks) + data[33:]


Prepare = Callable[..., PreparedReference]


@pytest.fixture
def prepare(tmp_path: Path) -> Prepare:
    def run(data: bytes, *, name: str = "photo", **options: Any) -> PreparedReference:
        source = tmp_path / "spooled"
        source.write_bytes(data)
        try:
            return prepare_reference(source, tmp_path / "ready", filename=name, **{"max_bytes": MAX_BYTES, **options})
        finally:
            assert source.read_bytes() == data
            assert not list(tmp_path.glob("*.part"))

    return run


def refusal(prepare: Prepare, data: bytes, **options: Any) -> str:
    with pytest.raises(ReferenceRefused) as refused:
        prepare(data, **options)
    return refused.value.user_message


def pixels(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.load()
        return image.copy()


def distance(one: Image.Image, other: Image.Image) -> int:
    """The largest difference of any channel of any pixel."""
    assert (one.size, one.mode) == (other.size, other.mode)
    return max(high for _, high in ImageStat.Stat(ImageChops.difference(one, other)).extrema)


def mean_distance(one: Image.Image, other: Image.Image) -> float:
    """The mean difference over all pixels and channels; two orientations of `picture` are 20 and more apart."""
    assert (one.size, one.mode) == (other.size, other.mode)
    means = ImageStat.Stat(ImageChops.difference(one, other)).mean
    return sum(means) / len(means)


class TestRefused:
    @pytest.mark.parametrize(
        ("head", "words"),
        [
            (b"GIF89a" + b"\x00" * 40, "is a GIF"),
            (b"BM" + b"\x00" * 40, "is a BMP image"),
            (b"II*\x00" + b"\x00" * 40, "is a TIFF image"),
            (b"MM\x00*" + b"\x00" * 40, "is a TIFF image"),
            (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "is a HEIC photo"),
            (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic", "is a HEIC photo"),
            (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1avif", "is an AVIF image"),
            (b"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00mif1avif", "is an AVIF image"),
            (b"\x00\x00\x00\x14ftypisom\x00\x00\x00\x00mp42", "is a video"),
            (b"%PDF-1.7\n", "is a PDF"),
            (b"PK\x03\x04" + b"\x00" * 40, "is a ZIP archive"),
            (b"\xef\xbb\xbf<?xml version='1.0'?>\n<svg xmlns='x'/>", "is an SVG drawing"),
            (b"RIFF\x04\x00\x00\x00WAVEfmt ", "is not an image I can read"),
            (b"<html><body>", "is not an image I can read"),
            (b"BANANA"[:1], "is not an image I can read"),
        ],
    )
    def test_other_kinds_by_name(self, prepare: Prepare, head: bytes, words: str) -> None:
        assert refusal(prepare, head, name="cat.png") == (f"cat.png {words}. JPEG, PNG and WebP images work.")

    def test_a_real_gif_named_png(self, prepare: Prepare) -> None:
        message = refusal(prepare, encoded(picture(), "GIF"), name="cat.png")
        assert message == "cat.png is a GIF. JPEG, PNG and WebP images work."

    def test_a_kind_that_the_model_does_not_take(self, prepare: Prepare) -> None:
        data = encoded(picture(), "WEBP")
        allowed = frozenset({"image/jpeg", "image/png"})
        assert refusal(prepare, data, allowed=allowed) == "photo is a WebP image. JPEG and PNG images work."

    def test_empty(self, prepare: Prepare) -> None:
        assert refusal(prepare, b"") == "photo is empty."

    def test_too_many_bytes(self, prepare: Prepare, tmp_path: Path) -> None:
        source = tmp_path / "large"
        source.write_bytes(encoded(picture(), "PNG"))
        os.truncate(source, 31 * 1024 * 1024)
        with pytest.raises(ReferenceRefused) as refused:
            prepare_reference(source, tmp_path / "ready", filename="huge.png", max_bytes=MAX_BYTES)
        assert refused.value.user_message == "huge.png is 31 MB; at most 30 MB work."

    @pytest.mark.parametrize(
        ("extra", "words"),
        [
            (1, "is just over 10 MB; at most 10 MB work."),
            (300_000, "is 10.3 MB; at most 10.0 MB work."),
        ],
    )
    def test_a_size_near_the_limit_is_never_called_equal_to_it(self, prepare: Prepare, extra: int, words: str) -> None:
        data = encoded(picture(), "PNG")
        message = refusal(prepare, data + bytes(10_000_000 + extra - len(data)), max_bytes=10_000_000)
        assert message == f"photo {words}"

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
    def test_too_many_pixels_by_the_header_alone(self, prepare: Prepare, kind: str) -> None:
        """The files claim far more than they hold: decoding them could only end in "damaged"."""
        data = bytearray(encoded(picture(), kind, **({"lossless": True} if kind == "WEBP" else {})))
        if kind == "PNG":
            header = struct.pack(">II", 100_000, 100_000) + data[24:29]
            data[8:33] = png_chunk(b"IHDR", bytes(header))
            megapixels = "10,000"
        elif kind == "JPEG":
            at = data.index(b"\xff\xc0")
            data[at + 5 : at + 9] = struct.pack(">HH", 65_000, 65_000)
            megapixels = "4,225"
        else:
            data[21:25] = (0x3FFF | 0x3FFF << 14).to_bytes(4, "little")
            megapixels = "268"
        message = refusal(prepare, bytes(data))
        assert message == f"photo is {megapixels} megapixels; at most 50 megapixels work."

    def test_the_full_frame_of_a_fifty_megapixel_phone_is_not_over_the_limit(self, prepare: Prepare) -> None:
        data = bytearray(encoded(picture(), "JPEG"))
        at = data.index(b"\xff\xc0")
        data[at + 5 : at + 9] = struct.pack(">HH", 6144, 8160)
        assert prepare(bytes(data)).width == 8160

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
    @given(cut=st.floats(0.05, 0.999))
    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_cut_off_anywhere(self, prepare: Prepare, kind: str, cut: float) -> None:
        data = encoded(picture(), kind)
        part = data[: max(16, int(len(data) * cut))]
        assert refusal(prepare, part) == "photo is damaged and can't be read."

    def test_cut_off_and_closed_again(self, prepare: Prepare) -> None:
        """An end marker put behind half a picture does not make it whole."""
        jpeg = encoded(picture(400, 300), "JPEG", progressive=False)
        png = encoded(picture(400, 300), "PNG")
        at, length = png.index(b"IDAT") - 4, int.from_bytes(png[png.index(b"IDAT") - 4 :][:4], "big")
        half = png[:at] + png_chunk(b"IDAT", png[at + 8 :][: length // 2]) + png_chunk(b"IEND", b"")
        assert refusal(prepare, half) == "photo is damaged and can't be read."
        assert refusal(prepare, jpeg[: jpeg.index(b"\xff\xda")] + b"\xff\xd9").endswith("can't be read.")

    def test_a_jpeg_of_very_many_scans(self, prepare: Prepare) -> None:
        """Each scan costs a pass over the picture: decoders work for minutes on a small file of thousands."""
        data = encoded(picture(), "JPEG", progressive=True)
        last = data.rindex(b"\xff\xda")
        scan = data[last:-2]
        assert prepare(data[:last] + scan * 20 + b"\xff\xd9").width == 48
        assert refusal(prepare, data[:last] + scan * 120 + b"\xff\xd9").endswith("can't be read.")

    def test_a_flipped_bit_in_a_png(self, prepare: Prepare) -> None:
        data = bytearray(encoded(picture(), "PNG"))
        data[data.index(b"IDAT") + 30] ^= 1
        assert refusal(prepare, bytes(data)) == "photo is damaged and can't be read."

    @pytest.mark.parametrize(
        "data",
        [
            b"\xff\xd8\xff\xd9",
            b"\xff\xd8" * 5000,
            b"\xff\xd8" * 70_000,
            b"\xff\xd8\xff\xe1\x00\x00",
            b"\x89PNG\r\n\x1a\n" + png_chunk(b"IEND", b""),
            b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", b"") + png_chunk(b"IEND", b""),
            png_with(encoded(picture(), "PNG"), png_chunk(b"teSt", b"") * 70_000),
            b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", bytes(13)) + png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b""),
            b"RIFF\x04\x00\x00\x00WEBP",
            b"RIFF\x10\x00\x00\x00WEBPVP8X\x04\x00\x00\x00" + bytes(4),
            b"RIFF\x16\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00" + bytes(10),
            b"RIFF" + struct.pack("<I", 4 + 8 * 70_000) + b"WEBP" + b"none\x00\x00\x00\x00" * 70_000,
        ],
        ids=range(12),
    )
    def test_skeletons(self, prepare: Prepare, data: bytes) -> None:
        assert refusal(prepare, data) == "photo is damaged and can't be read."

    @given(data=st.binary(max_size=300), kind=st.sampled_from(["PNG", "JPEG", "WEBP"]), at=st.integers(0))
    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_mangled_files_are_refused_or_prepared_and_nothing_else(
        self, prepare: Prepare, data: bytes, kind: str, at: int
    ) -> None:
        whole = encoded(picture(), kind, exif=exif(3, PLACE))
        at %= len(whole)
        mangled = whole[:at] + data + whole[at + len(data) :]
        try:
            prepared = prepare(mangled)
        except ReferenceRefused:
            return
        assert pixels(prepared.path).size == (prepared.width, prepared.height)

    def test_a_large_webp_is_whole_or_not_by_its_lengths(self, prepare: Prepare) -> None:
        """Decoding one takes 18 bytes a pixel; of a small one every bit is looked at."""
        for side, refused in ((400, True), (2000, False)):
            whole = encoded(picture(side, side), "WEBP", lossless=True)
            assert refusal(prepare, whole[:-40]) == "photo is damaged and can't be read."
            scribbled = whole[:40] + bytes(len(whole) - 40)
            if refused:
                assert refusal(prepare, scribbled) == "photo is damaged and can't be read."
            else:
                assert prepare(scribbled).width == side

    @pytest.mark.parametrize("kind", ["PNG", "WEBP"])
    def test_animated(self, prepare: Prepare, kind: str) -> None:
        frames = [picture(), ImageOps.invert(picture())]
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        message = refusal(prepare, data, name="dance.webp")
        assert message.startswith("dance.webp is animated; only still images work.")

    def test_a_refusal_leaves_the_destination_alone(self, prepare: Prepare, tmp_path: Path) -> None:
        (tmp_path / "ready").write_bytes(b"before")
        refusal(prepare, encoded(picture(), "JPEG")[:-40])
        assert (tmp_path / "ready").read_bytes() == b"before"


class TestPrepared:
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    def test_a_clean_file_stays_the_same_bytes(self, prepare: Prepare, kind: str) -> None:
        data = encoded(picture(), kind, icc_profile=PROFILE)
        prepared = prepare(data)
        assert prepared.path.read_bytes() == data
        assert prepared.changed is ReferenceChange.NONE
        assert (prepared.width, prepared.height) == (48, 32)
        assert prepared.mime == f"image/{kind.lower()}"
        assert prepared.size_bytes == len(data)
        assert prepared.sha256 == hashlib.sha256(data).hexdigest()

    def test_preparing_twice_gives_the_same(self, prepare: Prepare) -> None:
        data = encoded(picture(), "JPEG")
        assert prepare(data) == prepare(data)

    def test_without_hard_links_the_bytes_are_copied(self, prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
        def no_links(*_: object) -> None:
            raise OSError("not supported")

        monkeypatch.setattr(os, "link", no_links)
        data = encoded(picture(), "PNG")
        assert prepare(data).path.read_bytes() == data

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    @pytest.mark.parametrize("lossless", [True, False])
    def test_location_goes_and_pixels_and_profile_stay(self, prepare: Prepare, kind: str, lossless: bool) -> None:
        options: dict[str, Any] = {"lossless": lossless} if kind == "WEBP" else {}
        plain = encoded(picture(), kind, icc_profile=PROFILE, **options)
        if kind == "PNG":
            data = png_with(
                encoded(picture(), kind, icc_profile=PROFILE, exif=exif(1, PLACE)),
                png_chunk(b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + XMP),
                png_chunk(b"tEXt", b"Comment\x00taken at " + PLACE),
            )
        else:
            data = encoded(picture(), kind, icc_profile=PROFILE, exif=exif(1, PLACE), xmp=XMP, **options)
        assert data.count(PLACE) >= 2
        prepared = prepare(data)
        cleaned = prepared.path.read_bytes()
        assert PLACE not in cleaned
        assert prepared.changed is ReferenceChange.METADATA
        image, before = pixels(prepared.path), Image.open(io.BytesIO(plain))
        assert not image.getexif()
        assert image.info["icc_profile"] == PROFILE
        assert distance(image, before.convert(image.mode)) == 0
        if kind == "WEBP":
            assert cleaned[20] & 0x0C == 0, "the header still announces EXIF or XMP"
            picture_data = plain[plain.index(b"VP8L" if lossless else b"VP8 ") :]
            assert cleaned.endswith(picture_data)
        elif kind == "JPEG":
            assert cleaned == plain

    def test_location_in_iptc_comments_and_a_second_picture_goes(self, prepare: Prepare) -> None:
        plain = encoded(picture(), "JPEG")
        iptc = b"Photoshop 3.0\x008BIM\x04\x04\x00\x00\x00\x0e\x1c\x02\x5a\x00\x08" + PLACE
        second = encoded(picture(8, 8), "JPEG", exif=exif(1, PLACE))
        segments = [(0xED, iptc), (0xFE, b"at " + PLACE), (0xE2, b"MPF\x00" + PLACE), (0xE5, PLACE)]
        inserted = b"".join(
            bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload for marker, payload in segments
        )
        data = plain[:2] + inserted + plain[2:] + second + b"PK\x03\x04" + PLACE
        prepared = prepare(data)
        assert prepared.path.read_bytes() == plain
        assert prepared.changed is ReferenceChange.METADATA

    @pytest.mark.parametrize("kind", ["PNG", "WEBP"])
    def test_what_follows_the_end_goes(self, prepare: Prepare, kind: str) -> None:
        plain = encoded(picture(), kind)
        prepared = prepare(plain + b"PK\x03\x04<script>" + PLACE)
        assert prepared.path.read_bytes() == plain

    def test_a_progressive_jpeg_with_restarts(self, prepare: Prepare) -> None:
        data = encoded(picture(200, 120), "JPEG", progressive=True, restart_marker_rows=1, exif=exif(1, PLACE))
        prepared = prepare(data)
        assert distance(pixels(prepared.path), Image.open(io.BytesIO(data)).convert("RGB")) == 0

    def test_an_animation_of_one_frame_is_a_still(self, prepare: Prepare) -> None:
        data = png_with(encoded(picture(), "PNG"), png_chunk(b"acTL", struct.pack(">II", 1, 0)))
        prepared = prepare(data)
        assert b"acTL" not in prepared.path.read_bytes()

    @pytest.mark.parametrize(
        ("kind", "mode", "options"),
        [
            ("JPEG", "CMYK", {}),
            ("JPEG", "L", {}),
            ("PNG", "P", {"transparency": 3}),
            ("PNG", "RGBA", {}),
            ("PNG", "1", {}),
            ("PNG", "I;16", {}),
            ("WEBP", "RGBA", {}),
        ],
    )
    @pytest.mark.parametrize("orientation", [1, 6])
    def test_less_common_modes(
        self, prepare: Prepare, kind: str, mode: str, options: dict[str, Any], orientation: int
    ) -> None:
        deep = Image.frombytes("I;16", (48, 32), bytes(range(256)) * 12)
        image = deep if mode == "I;16" else picture(48, 32, mode)
        data = encoded(image, kind, exif=exif(orientation, PLACE), **options)
        prepared = prepare(data)
        found = pixels(prepared.path)
        assert found.mode == mode
        assert found.size == ((48, 32) if orientation == 1 else (32, 48))
        assert found.info.get("transparency") == options.get("transparency")
        with Image.open(io.BytesIO(data)) as before:
            expected = ImageOps.exif_transpose(before)
        if kind == "PNG" or orientation == 1:
            assert found.tobytes() == expected.tobytes()
        else:
            assert mean_distance(found, expected) <= 2

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize(
        ("kind", "options", "tolerance"),
        [
            ("PNG", {}, 0),
            ("WEBP", {"lossless": True}, 0),
            ("WEBP", {"quality": 90}, 2),
            ("JPEG", {"quality": 80, "subsampling": 0}, 0.1),
            ("JPEG", {"quality": 80, "subsampling": 1}, 2),
            ("JPEG", {"quality": 92, "subsampling": 2}, 2),
        ],
    )
    def test_turned_upright(
        self, prepare: Prepare, kind: str, options: dict[str, Any], tolerance: float, orientation: int
    ) -> None:
        data = encoded(picture(), kind, exif=exif(orientation, PLACE), icc_profile=PROFILE, **options)
        prepared = prepare(data)
        image = pixels(prepared.path)
        with Image.open(io.BytesIO(data)) as before:
            expected = ImageOps.exif_transpose(before)
        assert image.size == expected.size == (prepared.width, prepared.height)
        apart = mean_distance(image.convert("RGB"), expected.convert("RGB"))
        assert apart <= (0 if orientation == 1 else tolerance)
        assert image.info["icc_profile"] == PROFILE
        assert not image.getexif()
        assert PLACE not in prepared.path.read_bytes()
        changed = ReferenceChange.METADATA if orientation == 1 else ReferenceChange.ROTATED
        assert prepared.changed is changed
        assert sniff(prepared.path.read_bytes()[:64]) is ImageKind(kind.lower())

    @pytest.mark.parametrize("tag", [b"II*\x00\xff\xff\xff\xff", b"MM\x00*\x00\x00\x00\x08\x00\x05", b"??"])
    def test_nonsense_in_exif_means_upright(self, prepare: Prepare, tag: bytes) -> None:
        prepared = prepare(encoded(picture(), "JPEG", exif=b"Exif\x00\x00" + tag))
        assert (prepared.width, prepared.height) == (48, 32)

    def test_a_jpeg_that_grows_by_turning_is_encoded_smaller_or_refused(self, prepare: Prepare) -> None:
        image = Image.merge("RGB", [Image.effect_noise((160, 120), 90) for _ in range(3)])
        data = encoded(image, "JPEG", quality=98, subsampling=1, exif=exif(6))
        prepared = prepare(data, max_bytes=len(data))
        assert prepared.size_bytes <= len(data)
        assert (prepared.width, prepared.height) == (120, 160)
        coarse = encoded(image, "WEBP", quality=1, exif=exif(6))
        message = refusal(prepare, coarse, max_bytes=len(coarse))
        assert message.endswith("MB work once turned upright.")
        flat = encoded(Image.new("RGB", (160, 120)), "PNG", exif=exif(6), compress_level=9)
        assert prepare(flat, max_bytes=len(flat)).size_bytes <= len(flat)

    def test_texts_that_claim_gigabytes_cost_nothing(self, tmp_path: Path) -> None:
        bomb = png_chunk(b"zTXt", b"Comment\x00\x00" + zlib.compress(bytes(50_000_000), 9))
        broken = png_chunk(b"zTXt", b"Comment\x00\x00not packed at all")
        long = png_chunk(b"tEXt", b"Comment\x00" + b"x" * 1_000_000)
        plain = encoded(picture(), "PNG")
        source = tmp_path / "spooled"
        source.write_bytes(png_with(plain, broken, bomb, bomb, *[long] * 25))
        tracemalloc.start()
        try:
            prepared = prepare_reference(source, tmp_path / "ready", filename="photo", max_bytes=MAX_BYTES)
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert prepared.path.read_bytes() == plain
        assert peak_bytes < source.stat().st_size + 10_000_000
