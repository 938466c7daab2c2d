"""What lies on top of a sandbox picture: the references as numbered prints, and the caption card."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from bot.sandbox.painting_scene import BANANA, draw_banana
from bot.sandbox.painting_text import Typesetter, is_rtl

INK: Final = (43, 35, 56)
_PAPER: Final = (255, 254, 250)
_CHIP: Final = (243, 238, 226)
_MOST_LINES: Final = 4
_MOST_SHOWN: Final = 600  # characters of the prompt that are looked at; four lines hold fewer


def unit_of(size: tuple[int, int]) -> float:
    """Give the length, in pixels, of one unit: 1 at 1024 × 1024, less on a very narrow picture."""
    return min(math.sqrt(size[0] * size[1]) / 1024, min(size) / 560)


def draw_references(picture: Image.Image, references: Sequence[Image.Image | None]) -> None:
    """Lay the references out as prints along the top; ``None`` is one that can't be read."""
    if not references:
        return
    unit = unit_of(picture.size)
    margin, gap = 36 * unit, 16 * unit
    room = picture.width - 2 * margin + gap
    count = len(references)
    rows = 1
    while room / math.ceil(count / rows) - gap < 128 * unit and rows < count:
        rows += 1
    columns = math.ceil(count / rows)
    tallest = (picture.height * 0.5 - margin) / rows - gap
    side = int(min(room / columns - gap, 208 * unit, max(tallest, 40 * unit)))
    for index, reference in enumerate(references):
        x = margin + (index % columns) * (side + gap)
        y = margin + (index // columns) * (side + gap)
        _print(picture, (int(x), int(y)), side, reference=reference, number=index + 1)


def draw_card(picture: Image.Image, *, prompt: str, facts: Sequence[str]) -> None:
    """Draw the caption card: the prompt, and ``facts`` (model, ratio, …) as chips below."""
    unit = unit_of(picture.size)
    margin, pad = 36 * unit, 28 * unit
    width = min(picture.width - 2 * margin, 840 * unit)
    text, small = Typesetter(31 * unit), Typesetter(20 * unit)
    icon = 46 * unit
    beside_icon = icon + 18 * unit
    lines = text.lines(prompt[:_MOST_SHOWN], width=width - 2 * pad - beside_icon, most=_MOST_LINES) or [""]
    rows = _chip_rows(facts, small, width - 2 * pad, unit)
    text_width = max(text.width(line) for line in lines)
    chips_width = max(sum(small.width(fact) + 40 * unit for fact in row) - 10 * unit for row in rows)
    width = max(beside_icon + text_width, chips_width) + 2 * pad
    text_width = width - 2 * pad - beside_icon
    line_height, chip_height = 42 * unit, 38 * unit
    height = pad * 2 + line_height * len(lines) + 16 * unit + (chip_height + 8 * unit) * len(rows) - 8 * unit
    left, top = margin, picture.height - margin - height
    _panel(picture, (int(left), int(top), int(left + width), int(top + height)), 26 * unit, unit)
    _icon(picture, (left + pad, top + pad - 2 * unit), icon)
    text_left = left + pad + beside_icon
    rtl = is_rtl(prompt)
    for number, line in enumerate(lines):
        x = text_left + (text_width - text.width(line) if rtl else 0)
        text.draw(picture, (x, top + pad + line_height * number + 31 * unit), line, color=INK, rtl=rtl)
    y = top + pad + line_height * len(lines) + 16 * unit
    for row in rows:
        x = left + pad
        for number, fact in enumerate(row):
            chip_width = small.width(fact) + 30 * unit
            fill = BANANA if number == 0 and row is rows[0] else _CHIP
            box = (int(x), int(y), int(x + chip_width), int(y + chip_height))
            picture.paste(fill, box[:2], _rounded(box[2] - box[0], box[3] - box[1], chip_height / 2))
            small.draw(picture, (x + 15 * unit, y + 26 * unit), fact, color=INK)
            x += chip_width + 10 * unit
        y += chip_height + 8 * unit


def _chip_rows(facts: Sequence[str], setter: Typesetter, width: float, unit: float) -> list[list[str]]:
    rows: list[list[str]] = [[]]
    used = 0.0
    for fact in facts:
        needs = setter.width(fact) + 40 * unit
        if rows[-1] and used + needs > width:
            rows.append([])
            used = 0.0
        rows[-1].append(fact)
        used += needs
    return rows


def _print(picture: Image.Image, at: tuple[int, int], side: int, *, reference: Image.Image | None, number: int) -> None:
    """Draw one reference as a small print with its number."""
    unit = unit_of(picture.size)
    _panel(picture, (at[0], at[1], at[0] + side, at[1] + side), 16 * unit, unit)
    edge = max(1, round(8 * unit))
    inner = max(1, side - 2 * edge)
    if reference is None:
        photo = Image.new("RGB", (inner, inner), (226, 221, 212))
    else:
        photo = ImageOps.fit(reference, (inner, inner))
    picture.paste(photo, (at[0] + edge, at[1] + edge), _rounded(inner, inner, 10 * unit))
    radius = min(21 * unit, side * 0.2)
    badge = max(2, round(radius * 2))
    x, y = at[0] + side - badge * 0.78, at[1] + side - badge * 0.78
    ring = max(1, round(3 * unit))
    outer = badge + 2 * ring
    picture.paste(_PAPER, (round(x) - ring, round(y) - ring), _rounded(outer, outer, outer / 2))
    picture.paste(BANANA, (round(x), round(y)), _rounded(badge, badge, badge / 2))
    setter = Typesetter(radius * 1.15)
    label = str(number)
    setter.draw(picture, (round(x) + (badge - setter.width(label)) / 2, round(y) + badge * 0.7), label, color=INK)


def _panel(picture: Image.Image, box: tuple[int, int, int, int], radius: float, unit: float) -> None:
    """Draw a sheet of paper with round corners and a soft shadow."""
    width, height = box[2] - box[0], box[3] - box[1]
    spread = max(2, round(14 * unit))
    small = 4  # the shadow is drawn small: it is soft anyway
    shadow = Image.new("L", ((width + 4 * spread) // small, (height + 4 * spread) // small), 0)
    inset = 2 * spread / small
    ImageDraw.Draw(shadow).rounded_rectangle(
        (inset, inset, shadow.width - inset, shadow.height - inset), radius / small, fill=88
    )
    shadow = shadow.filter(ImageFilter.GaussianBlur(spread / small))
    shadow = shadow.resize((width + 4 * spread, height + 4 * spread), Image.Resampling.BILINEAR)
    picture.paste((24, 18, 40), (box[0] - 2 * spread, box[1] - 2 * spread + spread // 2), shadow)
    picture.paste(_PAPER, box[:2], _rounded(width, height, radius))


def _rounded(width: int, height: int, radius: float) -> Image.Image:
    """Make the mask of a rectangle with smooth round corners."""
    mask = Image.new("L", (width * 2, height * 2), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, width * 2 - 1, height * 2 - 1), radius * 2, fill=255)
    return mask.reduce(2)


def _icon(picture: Image.Image, at: tuple[float, float], side: float) -> None:
    """Draw the banana of the card, smooth at any size."""
    large = max(8, round(side)) * 4
    icon = Image.new("RGB", (large, large), _PAPER)
    draw_banana(icon, (large * 0.56, large * 0.3), large * 0.5)
    picture.paste(icon.reduce(4), (round(at[0]), round(at[1])))
