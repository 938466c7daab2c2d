"""Small pictures for lists."""

from __future__ import annotations

import io
import os
from pathlib import Path
from random import Random

import pytest
from PIL import Image

from bot.media import DamagedResult, thumbnail


def write(path: Path, image: Image.Image, form: str, **options: object) -> Path:
    image.save(path, form, **options)
    return path


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize(
    ("size", "small"), [((3000, 1500), (256, 128)), ((300, 1200), (64, 256)), ((90, 40), (90, 40))]
)
def test_it_keeps_the_shape_and_weighs_little(
    tmp_path: Path, form: str, size: tuple[int, int], small: tuple[int, int]
) -> None:
    noisy = Image.frombytes("RGB", (size[0] // 2, size[1] // 2), Random(1).randbytes(size[0] * size[1] // 4 * 3))
    source = write(tmp_path / f"a.{form}", noisy.resize(size), form)
    made = thumbnail(source, folder=tmp_path)
    assert made.stat().st_size < 40_000
    with Image.open(made) as image:
        assert (image.format, image.size) == ("WEBP", small)
        assert b"trainedAlgorithmicMedia" in made.read_bytes(), "it goes on saying that a model made it"


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "I;16", "CMYK", "1"])
def test_every_kind_of_pixels(tmp_path: Path, mode: str) -> None:
    form = "JPEG" if mode == "CMYK" else "PNG"
    source = write(tmp_path / "a", Image.new(mode, (600, 300)), form)
    with Image.open(thumbnail(source, folder=tmp_path)) as image:
        assert image.size == (256, 128)
        assert image.mode == ("RGBA" if mode in {"LA", "RGBA"} else "RGB")


def test_it_is_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    source = write(tmp_path / "a.jpg", Image.new("RGB", (600, 300)), "JPEG", exif=exif)
    with Image.open(thumbnail(source, folder=tmp_path)) as image:
        assert image.size == (128, 256)


def test_it_is_made_once_and_anew_for_other_bytes(tmp_path: Path) -> None:
    source = write(tmp_path / "a.png", Image.new("RGB", (600, 300)), "PNG")
    first = thumbnail(source, folder=tmp_path)
    os.utime(first, (1000, 1000))
    assert thumbnail(source, folder=tmp_path) == first
    assert first.stat().st_mtime == 1000
    write(source, Image.new("RGB", (300, 600), (9, 9, 9)), "PNG")
    second = thumbnail(source, folder=tmp_path)
    assert second != first
    with Image.open(second) as image:
        assert image.size == (128, 256)
    assert list(tmp_path.glob("*.part")) == []


@pytest.mark.parametrize("damage", ["empty", "text", "half"])
def test_what_is_no_whole_picture_is_refused(tmp_path: Path, damage: str) -> None:
    buffer = io.BytesIO()
    Image.frombytes("RGB", (99, 99), Random(1).randbytes(99 * 99 * 3)).save(buffer, "PNG")
    source = tmp_path / "a.png"
    source.write_bytes({"empty": b"", "text": b"no picture", "half": buffer.getvalue()[:9000]}[damage])
    with pytest.raises(DamagedResult):
        thumbnail(source, folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_file_that_is_gone_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        thumbnail(tmp_path / "a.png", folder=tmp_path)
