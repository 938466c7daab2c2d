"""Pictures under an upload limit: how good they stay, and what they go on saying about themselves."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageCms, ImageStat, _webp
from PIL.PngImagePlugin import PngInfo

from bot.media import (
    MIN_LIMIT_BYTES,
    DamagedResult,
    FitChange,
    FittedPicture,
    ImageKind,
    fit,
    fit_message,
    inspect_result,
)
from tests.unit.test_media_references import png_chunk, png_with

KIB = 1024
MADE_BY_A_MODEL = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
NAMES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "iptc": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "dc": "http://purl.org/dc/elements/1.1/",
}


def noisy(width: int, height: int, mode: str = "RGB", sigma: float = 12) -> Image.Image:
    """A smooth picture with noise in its brightness, as cameras and models make it, which PNG can't compress."""
    noise = Image.frombytes("L", (width, height), random.Random(7).randbytes(width * height))
    gradient = Image.radial_gradient("L")
    bands = [
        Image.blend(gradient.rotate(90 * turn).resize((width, height)), noise, min(1, sigma / 150))
        for turn in range(len(Image.new(mode, (1, 1)).getbands()))
    ]
    return Image.merge(mode, bands) if len(bands) > 1 else bands[0]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "result.png"


def fitted(source: Path, limit_bytes: int) -> FittedPicture:
    before = source.read_bytes()
    found = fit(source, limit_bytes=limit_bytes, destination_stem=source.parent / "fitted")
    assert source.read_bytes() == before
    assert found.size_bytes == found.path.stat().st_size <= limit_bytes
    info = inspect_result(found.path)
    assert (info.kind, info.width, info.height) == (found.kind, found.width, found.height)
    assert not list(source.parent.glob("*.part"))
    return found


def xmp_of(path: Path) -> ET.Element:
    with Image.open(path) as image:
        xmp = image.info["xmp"]
    packet = xmp.decode().split("?>", 1)[1].rsplit("<?", 1)[0] if xmp.startswith(b"<?") else xmp
    return ET.fromstring(packet)


def source_type(path: Path) -> str | None:
    found = xmp_of(path).findall(".//iptc:DigitalSourceType", NAMES)
    assert len(found) == 1
    return found[0].text


def test_under_the_limit_nothing_is_touched(source: Path) -> None:
    noisy(64, 64).save(source)
    found = fitted(source, MIN_LIMIT_BYTES)
    assert found.path == source
    assert found.change is FitChange.NONE
    assert [path.name for path in source.parent.iterdir()] == ["result.png"]


def test_exactly_the_limit_is_under_it_and_one_byte_less_is_not(source: Path) -> None:
    noisy(300, 300).save(source)
    size_bytes = source.stat().st_size
    assert fitted(source, size_bytes).change is FitChange.NONE
    assert fitted(source, size_bytes - 1).change is FitChange.ENCODING


def test_the_encoding_comes_before_the_size_and_cannot_be_seen(source: Path) -> None:
    noisy(512, 512).save(source)
    found = fitted(source, source.stat().st_size // 2)
    assert (found.kind, found.change) == (ImageKind.JPEG, FitChange.ENCODING)
    with Image.open(source) as before, Image.open(found.path) as after:
        assert max(ImageStat.Stat(ImageChops.difference(before, after)).rms) < 3


def test_the_best_quality_that_fits_is_taken(source: Path) -> None:
    noisy(512, 512).save(source)
    limits = [source.stat().st_size * part // 16 for part in (12, 9, 7, 5, 4, 3)]
    found = [fitted(source, limit_bytes) for limit_bytes in limits]
    tables = []
    for picture in found:
        with Image.open(picture.path) as image:
            tables.append(sum(image.quantization[0]))  # type: ignore[attr-defined]
    assert tables[0] == min(tables)
    assert len(set(tables)) >= 4
    assert all(picture.size_bytes > limit / 2 for picture, limit in zip(found[1:], limits[1:], strict=True))


def test_then_the_size_as_large_as_fits(source: Path) -> None:
    noisy(900, 600, sigma=60).save(source)
    found = fitted(source, MIN_LIMIT_BYTES)
    assert found.change is FitChange.SIZE
    assert found.size_bytes > MIN_LIMIT_BYTES * 0.8
    assert found.width / found.height == pytest.approx(1.5, rel=0.01)


@pytest.mark.parametrize("change", [FitChange.ENCODING, FitChange.SIZE])
def test_transparency_stays(source: Path, change: FitChange) -> None:
    image = noisy(400, 400)
    image.putalpha(Image.linear_gradient("L").resize((400, 400)))
    image.save(source)
    limit = source.stat().st_size * 3 // 4 if change is FitChange.ENCODING else MIN_LIMIT_BYTES
    found = fitted(source, limit)
    assert (found.kind, found.change) == (ImageKind.WEBP, change)
    with Image.open(found.path) as after:
        alpha = after.getchannel("A")
        assert alpha.getpixel((3, 0)) == 0
        assert alpha.getpixel((3, after.height - 1)) == 255


def test_an_opaque_alpha_channel_is_no_transparency(source: Path) -> None:
    image = noisy(300, 300)
    image.putalpha(255)
    image.save(source)
    assert fitted(source, 100 * KIB).kind is ImageKind.JPEG


@pytest.mark.parametrize("mode", ["L", "LA", "P", "I;16", "1", "RGBA", "CMYK"])
def test_every_mode_that_a_result_may_have(source: Path, mode: str) -> None:
    if mode == "CMYK":
        source = source.with_suffix(".jpg")
        noisy(400, 400, "CMYK", 60).save(source, quality=98)
    elif mode == "I;16":
        deep = Image.frombytes("I;16", (400, 400), bytes(range(256)) * 1250)
        deep.resize((401, 400)).save(source, compress_level=0)
    elif mode == "1":
        Image.effect_noise((1200, 1200), 90).convert("1").save(source)
    elif mode == "P":
        noisy(400, 400).quantize(250).save(source, transparency=7)
    else:
        noisy(400, 400, mode, 60).save(source)
    found = fitted(source, MIN_LIMIT_BYTES)
    expected = ImageKind.WEBP if mode in {"LA", "P", "RGBA"} else ImageKind.JPEG
    assert found.kind is expected
    with Image.open(source) as before, Image.open(found.path) as after:
        if mode == "I;16":
            assert ImageStat.Stat(after).mean[0] == pytest.approx(128, abs=3)
        elif mode in {"L", "1", "CMYK"}:
            before_mean = ImageStat.Stat(before.convert(after.mode)).mean
            assert ImageStat.Stat(after).mean == pytest.approx(before_mean, abs=4)


@given(
    width=st.integers(1, 400),
    height=st.integers(1, 400),
    mode=st.sampled_from(["L", "RGB", "RGBA"]),
    sigma=st.integers(0, 120),
    limit_kib=st.integers(64, 200),
)
@example(width=400, height=400, mode="RGBA", sigma=120, limit_kib=64)
@example(width=1, height=400, mode="RGB", sigma=120, limit_kib=64)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_always_under_the_limit(
    source: Path, *, width: int, height: int, mode: str, sigma: int, limit_kib: int
) -> None:
    noisy(width, height, mode, sigma).save(source, compress_level=0)
    found = fitted(source, limit_kib * KIB)
    assert found.width <= width
    assert found.height <= height


def test_the_longest_thinnest_picture(source: Path) -> None:
    """Making it smaller saves less than the square of the side, so guesses are far off."""
    noisy(65_000, 12, sigma=150).save(source)
    assert fitted(source, MIN_LIMIT_BYTES).width > 100


def test_a_transparent_picture_larger_than_webp_can_be(source: Path) -> None:
    image = noisy(17_000, 8, "RGBA", 60)
    image.save(source)
    found = fitted(source, 200 * KIB)
    assert found.kind is ImageKind.WEBP
    assert 10_000 < found.width <= 16_383


def test_where_webp_gives_up_on_too_much_detail_a_lower_quality_is_tried(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """libwebp ends with error 6 on a noisy 4096 × 4096 picture at quality 90, and needs a second to get there."""
    encode = _webp.WebPEncode

    def limited(image: object, lossless: bool, quality: float, *rest: object) -> bytes:
        if quality > 90:
            raise ValueError("encoding error 6")
        return bytes(encode(image, lossless, quality, *rest))

    monkeypatch.setattr(_webp, "WebPEncode", limited)
    noisy(300, 300, "RGBA").save(source)
    found = fitted(source, source.stat().st_size - 1)
    assert (found.kind, found.change) == (ImageKind.WEBP, FitChange.ENCODING)


def test_where_no_guess_comes_out_the_eighth_encode_fits(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encode, calls = _webp.WebPEncode, 0

    def failing(*arguments: object) -> bytes:
        nonlocal calls
        calls += 1
        if calls < 8:
            raise ValueError("encoding error 6")
        return bytes(encode(*arguments))

    monkeypatch.setattr(_webp, "WebPEncode", failing)
    noisy(600, 300, "RGBA", 150).save(source)
    found = fitted(source, MIN_LIMIT_BYTES)
    assert calls == 8
    assert found.change is FitChange.SIZE
    assert found.width / found.height == pytest.approx(2, abs=0.05)


def test_the_same_bytes_each_time(source: Path, tmp_path: Path) -> None:
    noisy(400, 400).save(source)
    first = fitted(source, 100 * KIB).path.read_bytes()
    other = tmp_path / "elsewhere"
    other.mkdir()
    again = fit(source, limit_bytes=100 * KIB, destination_stem=other / "fitted")
    assert again.path.read_bytes() == first


def test_an_earlier_file_is_used_again_but_not_for_another_limit_or_picture(source: Path) -> None:
    noisy(500, 500).save(source)
    first = fitted(source, 120 * KIB)
    written = first.path.stat().st_mtime_ns
    assert fitted(source, 120 * KIB) == first
    assert first.path.stat().st_mtime_ns == written
    smaller = fitted(source, 80 * KIB)
    assert smaller.path != first.path
    assert fitted(source, 120 * KIB) == first
    noisy(500, 500, sigma=20).save(source)
    other = fitted(source, 120 * KIB)
    assert other.path not in {first.path, smaller.path}


def test_a_file_left_by_a_crash_is_not_taken_for_a_result(source: Path) -> None:
    noisy(400, 400).save(source)
    first = fitted(source, 100 * KIB)
    whole = first.path.read_bytes()
    first.path.unlink()
    stem = first.path.with_suffix("")
    stem.with_name(stem.name + ".trial.part").write_bytes(b"half")
    stem.with_name(stem.name + ".kept.part").write_bytes(b"half")
    assert fitted(source, 100 * KIB).path.read_bytes() == whole


def test_what_is_no_picture(source: Path) -> None:
    source.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(MIN_LIMIT_BYTES))
    with pytest.raises(DamagedResult):
        fitted(source, MIN_LIMIT_BYTES)
    with pytest.raises(ValueError, match="under 1000 bytes"):
        fit(source, limit_bytes=1000, destination_stem=source.parent / "fitted")


class TestProvenance:
    def test_a_silent_picture_says_that_a_model_made_it(self, source: Path) -> None:
        noisy(300, 300).save(source)
        assert source_type(fitted(source, 100 * KIB).path) == MADE_BY_A_MODEL

    @pytest.mark.parametrize("mode", ["RGB", "RGBA"])
    def test_everything_is_carried_from_a_png(self, source: Path, mode: str) -> None:
        exif = Image.Exif()
        exif[0x0131] = "Banana 1.0"
        text = PngInfo()
        text.add_text("prompt", "a <red> panda & friends\x07")
        text.add_text("Software", "Banana", zip=True)
        text.add_itxt("Title", "レッサーパンダ", zip=True)
        noisy(300, 300, mode).save(source, exif=exif, icc_profile=PROFILE, pnginfo=text)
        found = fitted(source, 100 * KIB)
        with Image.open(found.path) as image:
            assert image.getexif()[0x0131] == "Banana 1.0"
            assert image.info["icc_profile"] == PROFILE
        comment = xmp_of(found.path).findtext(".//exif:UserComment/rdf:Alt/rdf:li", None, NAMES)
        assert comment == "prompt: a <red> panda & friends\nSoftware: Banana\nTitle: レッサーパンダ"
        assert source_type(found.path) == MADE_BY_A_MODEL

    @pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
    def test_what_xmp_says_stays_and_only_the_missing_is_added(self, source: Path, kind: str) -> None:
        described = (
            '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{rdf}"><rdf:Description '
            'rdf:about="uuid:7" xmlns:dc="{dc}"><dc:source>a garden</dc:source></rdf:Description>'
            "</rdf:RDF></x:xmpmeta>"
        ).format(**NAMES)
        options: dict[str, Any] = {"xmp": described.encode(), "quality": 100}
        if kind == "png":
            text = PngInfo()
            text.add_itxt("XML:com.adobe.xmp", described)
            options = {"pnginfo": text}
        noisy(400, 400, sigma=40).save(source, format=kind, **options)
        found = fitted(source, MIN_LIMIT_BYTES)
        assert source_type(found.path) == MADE_BY_A_MODEL
        assert xmp_of(found.path).findtext(".//dc:source", None, NAMES) == "a garden"
        subjects = {
            element.get(f"{{{NAMES['rdf']}}}about")
            for element in xmp_of(found.path).findall(".//rdf:Description", NAMES)
        }
        assert subjects == {"uuid:7"}

    def test_a_source_type_of_its_own_is_not_overruled(self, source: Path) -> None:
        own = MADE_BY_A_MODEL.replace("trained", "compositeWithTrained")
        packet = (
            '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{rdf}"><rdf:Description rdf:about="" '
            'xmlns:i="{iptc}"><i:DigitalSourceType>{own}</i:DigitalSourceType></rdf:Description></rdf:RDF>'
            "</x:xmpmeta>"
        ).format(own=own, **NAMES)
        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", packet)
        noisy(300, 300).save(source, pnginfo=text)
        assert source_type(fitted(source, 100 * KIB).path) == own

    @pytest.mark.parametrize("kind", ["png", "jpeg"])
    def test_a_c2pa_manifest_gives_its_source_type_and_stays_behind(self, source: Path, kind: str) -> None:
        own = MADE_BY_A_MODEL.replace("trained", "compositeWithTrained")
        manifest = b"jumb c2pa digitalSourceType\x78\x4e" + own.encode() + b"\xa1"
        stream = io.BytesIO()
        if kind == "jpeg":
            marker = b"\xff\xeb" + (len(manifest) + 2).to_bytes(2, "big") + manifest
            noisy(300, 300, sigma=60).save(stream, format="JPEG", quality=100, extra=marker)
            source.write_bytes(stream.getvalue())
        else:
            noisy(300, 300, sigma=60).save(stream, format="PNG")
            source.write_bytes(png_with(stream.getvalue(), png_chunk(b"caBX", manifest)))
        found = fitted(source, MIN_LIMIT_BYTES)
        assert source_type(found.path) == own
        assert b"jumb" not in found.path.read_bytes()
        assert b"jumb" in source.read_bytes()

    def test_iptc_of_a_jpeg(self, source: Path) -> None:
        iptc = b"Photoshop 3.0\x008BIM\x04\x04\x00\x00\x00\x16\x1c\x02\x6e\x00\x11Made with a model"
        marker = b"\xff\xed" + (len(iptc) + 2).to_bytes(2, "big") + iptc
        noisy(300, 300, sigma=40).save(source, format="JPEG", quality=100, extra=marker, comment=b"hello")
        found = fitted(source, MIN_LIMIT_BYTES)
        assert b"Made with a model" in found.path.read_bytes()
        assert xmp_of(found.path).findtext(".//rdf:li", None, NAMES) == "Comment: hello"

    def test_metadata_larger_than_the_limit_gives_way_to_the_picture(self, source: Path) -> None:
        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", "<rdf:RDF>" + "x" * 70_000 + "</rdf:RDF>")
        text.add_text("workflow", "y" * 70_000)
        exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x00\x00" + bytes(60_000)
        stream = io.BytesIO()
        noisy(300, 300).save(stream, format="PNG", icc_profile=PROFILE + bytes(200_000), pnginfo=text)
        source.write_bytes(png_with(stream.getvalue(), png_chunk(b"eXIf", exif)))
        found = fitted(source, 100 * KIB)
        assert found.change is FitChange.ENCODING
        assert source_type(found.path) == MADE_BY_A_MODEL

    def test_a_profile_for_other_channels_is_left_out(self, source: Path) -> None:
        grey = PROFILE[:16] + b"GRAY" + PROFILE[20:]
        noisy(400, 400, "LA").save(source, icc_profile=grey)
        with Image.open(fitted(source, MIN_LIMIT_BYTES).path) as image:
            assert image.mode == "RGBA"
            assert "icc_profile" not in image.info


class TestMessage:
    def sources(self, folder: Path, sides: list[int]) -> list[Path]:
        paths = [folder / f"{index}.png" for index in range(len(sides))]
        for path, side in zip(paths, sides, strict=True):
            noisy(side, side, sigma=20).save(path)
        return paths

    def test_each_under_its_limit_in_order(self, tmp_path: Path) -> None:
        sources = self.sources(tmp_path, [300, 100, 350, 320])
        found = fit_message(sources, limit_each_bytes=90 * KIB, limit_total_bytes=None, folder=tmp_path)
        assert [picture.width for picture in found] == [300, 100, 350, 320]
        assert all(picture.size_bytes <= 90 * KIB for picture in found)
        assert found[1].path == sources[1]

    def test_a_total_is_shared_and_small_pictures_leave_their_part(self, tmp_path: Path) -> None:
        sources = self.sources(tmp_path, [600, 100, 600, 600])
        total = 4 * 70 * KIB
        found = fit_message(sources, limit_each_bytes=10_000 * KIB, limit_total_bytes=total, folder=tmp_path)
        assert total * 0.8 < sum(picture.size_bytes for picture in found) <= total
        assert found[1].change is FitChange.NONE
        assert all(found[index].size_bytes > 72 * KIB for index in (0, 2, 3))

    def test_equal_names_from_different_folders_are_not_mixed_up(self, tmp_path: Path) -> None:
        sources = []
        for index, side in enumerate((300, 310)):
            folder = tmp_path / str(index)
            folder.mkdir()
            sources += [folder / "0.png"]
            noisy(side, side).save(sources[-1])
        found = fit_message(sources, limit_each_bytes=90 * KIB, limit_total_bytes=None, folder=tmp_path)
        assert [picture.width for picture in found] == [300, 310]

    def test_no_pictures(self, tmp_path: Path) -> None:
        assert fit_message([], limit_each_bytes=MIN_LIMIT_BYTES, limit_total_bytes=1, folder=tmp_path) == []

    def test_over_25_megabytes_in_10_mib_and_in_a_quarter_of_it(self, tmp_path: Path) -> None:
        """What four such pictures come to, alone and when they share one limit; one picture keeps the test quick."""
        noisy(3840, 3840, sigma=40).save(tmp_path / "0.png", compress_level=1)
        assert (tmp_path / "0.png").stat().st_size > 25_000_000
        limit = 10 * KIB * KIB
        alone, shared = (
            fit_message([tmp_path / "0.png"], limit_each_bytes=limit, limit_total_bytes=total, folder=tmp_path)[0]
            for total in (None, limit // 4)
        )
        assert alone.change is FitChange.ENCODING
        assert limit / 2 < alone.size_bytes <= limit
        assert shared.size_bytes <= limit // 4
        assert shared.width > 1500
