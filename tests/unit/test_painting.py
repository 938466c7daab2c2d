"""Sandbox pictures: the right size and format, what was asked for in them, and no script that makes them fail."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageStat

from bot.sandbox.painting import MADE_BY_AI, Order, paint, picture_size
from bot.sandbox.painting_text import Typesetter, is_rtl

ORDER = Order(prompt="a lake", model="Nano Banana Pro", aspect_ratio="1:1", resolution="1K", output_format="png")


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def reference(folder: Path, color: str, size: tuple[int, int] = (60, 40), name: str = "a.png") -> Path:
    path = folder / name
    Image.new("RGB", size, color).save(path)
    return path


@pytest.mark.parametrize(
    ("ratio", "resolution", "size"),
    [
        ("1:1", "1K", (1024, 1024)),
        ("16:9", "1K", (1368, 768)),
        ("9:16", "2K", (1536, 2728)),
        ("21:9", "4K", (6256, 2680)),
        ("auto", "1K", (1024, 1024)),
    ],
)
def test_the_area_is_the_resolution_and_the_sides_the_ratio(ratio: str, resolution: str, size: tuple[int, int]) -> None:
    assert picture_size(replace(ORDER, aspect_ratio=ratio, resolution=resolution)) == size


def test_auto_takes_the_first_reference(tmp_path: Path) -> None:
    wide = reference(tmp_path, "teal", (300, 100))
    order = replace(ORDER, aspect_ratio="auto", references=(wide,), quick=True)
    assert opened(paint(order)).size == (64, 24)


def test_quick_pictures_are_tiny() -> None:
    assert opened(paint(replace(ORDER, aspect_ratio="9:16", resolution="4K", quick=True))).size == (32, 64)


def test_the_same_order_gives_the_same_bytes_and_any_change_another_picture() -> None:
    order = replace(ORDER, quick=True)
    assert paint(order) == paint(order)
    for changed in (replace(order, prompt="a hill"), replace(order, seed=1), replace(order, model="Z-Image")):
        assert opened(paint(changed)).tobytes() != opened(paint(order)).tobytes()


def test_every_reference_is_seen_in_order(tmp_path: Path) -> None:
    colors = {"#ff0080": (255, 0, 128), "#00ff40": (0, 255, 64)}
    paths = tuple(reference(tmp_path, color, name=f"{i}.png") for i, color in enumerate(colors))
    painted = opened(paint(replace(ORDER, references=paths))).convert("RGB")
    found = [min(x for x in range(painted.width) if painted.getpixel((x, 120)) == color) for color in colors.values()]
    assert found == sorted(found)


def test_what_was_asked_for_changes_the_card() -> None:
    plain = opened(paint(ORDER))
    as_jpeg = opened(paint(replace(ORDER, output_format="jpg")))
    assert as_jpeg.format == "JPEG"
    assert plain.format == "PNG"
    card = (36, 780, 700, 1000)
    for changed in (replace(ORDER, model="Z-Image"), replace(ORDER, prompt="a lake, and more")):
        assert opened(paint(changed)).crop(card).tobytes() != plain.crop(card).tobytes()


@pytest.mark.parametrize("form", ["png", "jpg", "jpeg"])
def test_the_picture_says_that_it_is_made_by_ai(form: str) -> None:
    painted = opened(paint(replace(ORDER, output_format=form, prompt="<a> & \x00 \ud800", quick=True)))
    xmp = painted.info["XML:com.adobe.xmp"] if form == "png" else painted.info["xmp"].decode()
    assert f"<Iptc4xmpExt:DigitalSourceType>{MADE_BY_AI}</Iptc4xmpExt:DigitalSourceType>" in xmp
    assert "&lt;a&gt; &amp;" in xmp


def brightness(prompt: str) -> float:
    return ImageStat.Stat(opened(paint(replace(ORDER, prompt=prompt, quick=True))).convert("L")).mean[0]


def test_the_prompt_is_heard() -> None:
    assert brightness("a fox at night") < brightness("a fox at sunset") < brightness("a fox in the snow")
    assert brightness("a city in the rain, seen from the sea") < brightness("a forest in the snow")


def test_grain_makes_a_picture_heavy() -> None:
    small = replace(ORDER, aspect_ratio="16:9")
    assert len(paint(replace(small, heavy=True))) > 5 * len(paint(small))


@pytest.mark.parametrize(
    "prompt",
    [
        "x",
        "word " * 2000,
        "w" * 10_000,
        "🍌🐼👨‍👩‍👧‍👦🏳️‍🌈 ✨",
        "باندا أحمر with HDR, تفاصيل",
        "שלום עולם",
        "東京の猫がラーメンを食べる",
        "हिन्दी ไทย ελληνικά кошка",
        "Z̸̡̛a̷l̶g̵o̴ \u202e\u200f\u0000\ud800 \U0010fffd",
        "\u200d\u0301",
        "\u202a",
        "\n\t",
    ],
)
def test_any_script_can_be_drawn(prompt: str) -> None:
    painted = opened(paint(replace(ORDER, prompt=prompt, aspect_ratio="9:16")))
    assert painted.size == (768, 1368)


@pytest.mark.parametrize("ratio", ["8:1", "1:8", "21:9"])
@pytest.mark.parametrize("count", [1, 14])
def test_extreme_shapes_hold_many_references(tmp_path: Path, ratio: str, count: int) -> None:
    path = reference(tmp_path, "teal")
    assert paint(replace(ORDER, aspect_ratio=ratio, references=(path,) * count))


def test_a_reference_that_is_no_picture_leaves_a_blank_print(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    assert opened(paint(replace(ORDER, references=(broken,), aspect_ratio="auto"))).size == (1024, 1024)


def test_lines_are_broken_to_the_width_and_cut_with_an_ellipsis() -> None:
    setter = Typesetter(20)
    lines = setter.lines("one two three four five six seven eight", width=100, most=3)
    assert len(lines) == 3
    assert lines[-1].endswith("…")
    assert all(setter.width(line) <= 100 for line in lines)
    assert setter.lines("one two", width=1000, most=3) == ["one two"]


def test_direction_is_that_of_the_first_letter() -> None:
    assert is_rtl("«3» שלום hello")
    assert not is_rtl("3 hello שלום")
    assert not is_rtl("123")
