"""The landscape behind a sandbox picture: sky, a banana-yellow sun or moon, hills, and what the prompt hints at."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from PIL import Image, ImageColor, ImageDraw

Color = tuple[int, int, int]

BANANA: Final[Color] = (255, 214, 64)


@dataclass(frozen=True)
class _Palette:
    """Colours: the sky from the top down, hills from far to near, and whether stars are out."""

    sky: tuple[str, ...]
    far: str
    near: str
    night: bool = False
    veil: float = 0.0
    """How much of the sun's colour the weather takes."""


_PALETTES: Final = {
    "dawn": _Palette(("#7c8fe0", "#c9b1e6", "#ffd6bf"), "#c3a3cf", "#5a4a86"),
    "day": _Palette(("#4fa9e6", "#a5d8f6", "#eef8ff"), "#a6d3c6", "#2c7561"),
    "dusk": _Palette(("#3d3576", "#a7548f", "#ff9f78", "#ffd49a"), "#b46a8e", "#33214f"),
    "mint": _Palette(("#6cc8be", "#bfe8d6", "#fdf4dc"), "#a3d6bd", "#2b6f6a"),
    "rose": _Palette(("#f08fa5", "#f9bfb5", "#fff0dd"), "#e3a3b0", "#7a3f66"),
    "night": _Palette(("#0c1230", "#1f2d63", "#4c5fa5"), "#46578f", "#111a3a", night=True),
    "rain": _Palette(("#5c7089", "#93a7b8", "#d5dfe4"), "#93a9b3", "#344a5c", veil=0.6),
    "snow": _Palette(("#8fb4d9", "#cfe2f1", "#f8fcff"), "#d3e3ef", "#7f9fbe", veil=0.35),
}
_BY_CHANCE: Final = ("dawn", "day", "dusk", "mint", "rose", "night")

# Words of a prompt that change the scene; the first palette that is named wins.
_HINTS: Final = {
    "night": "night midnight star stars starry moon galaxy space neon",
    "rain": "rain rainy raincoat storm stormy fog foggy mist misty",
    "snow": "snow snowy winter ice frozen",
    "dusk": "sunset dusk evening autumn fire",
    "dawn": "dawn sunrise morning spring",
    "water": "sea ocean beach lake river island boat ship harbor harbour water fish",
    "city": "city street town skyline tokyo kyoto berlin paris london building tower neon",
    "trees": "forest tree trees wood woods jungle panda bear fox deer",
}


def draw_scene(size: tuple[int, int], prompt: str, rng: Random) -> Image.Image:
    """Draw the landscape at ``size`` pixels."""
    hints = _hints(prompt)
    name = next((hint for hint in _PALETTES if hint in hints), None) or rng.choice(_BY_CHANCE)
    palette = _PALETTES[name]
    scene = _gradient(size, palette.sky)
    unit = min(math.sqrt(size[0] * size[1]), 2.2 * min(size))
    if palette.night:
        _stars(scene, unit, rng)
    light = (rng.uniform(0.62, 0.8) * size[0], rng.uniform(0.26, 0.4) * size[1])
    _light(scene, light, unit * rng.uniform(0.065, 0.085), palette)
    if not palette.night:
        _clouds(scene, unit, rng)
    _hills(scene, palette, unit, hints, rng)
    if "water" in hints:
        _water(scene, palette, light[0], unit, rng)
    if name in ("rain", "snow"):
        _falling(scene, unit, rng, snow=name == "snow")
    return scene


def _hints(prompt: str) -> set[str]:
    words = set(re.findall(r"[a-z]+", prompt[:2000].lower()))
    return {hint for hint, named in _HINTS.items() if words & set(named.split())}


def _rgb(color: str) -> Color:
    red, green, blue = ImageColor.getrgb(color)[:3]
    return red, green, blue


def _mix(one: Color, other: Color, share: float) -> Color:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _gradient(size: tuple[int, int], stops: Sequence[str] | Sequence[Color]) -> Image.Image:
    """Fill with colours from the top down, evenly spaced."""
    colors = [_rgb(stop) if isinstance(stop, str) else stop for stop in stops]
    column = Image.new("RGB", (1, len(colors)))
    column.putdata(colors)
    tall = column.resize((1, size[1]), Image.Resampling.BILINEAR, box=(0, 0.5, 1, len(colors) - 0.5))
    return tall.resize(size, Image.Resampling.NEAREST)


def _stars(scene: Image.Image, unit: float, rng: Random) -> None:
    draw = ImageDraw.Draw(scene)
    for _ in range(140):
        x, y = rng.random() * scene.width, rng.random() ** 1.4 * scene.height * 0.7
        radius = unit * rng.choice((0.0008, 0.0012, 0.0012, 0.0022))
        glow = _mix((120, 140, 200), (255, 250, 225), rng.random())
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=glow)


def _light(scene: Image.Image, at: tuple[float, float], radius: float, palette: _Palette) -> None:
    """Draw the sun, or at night the moon, which is a banana if one looks closely."""
    reach = int(radius * (4.2 if palette.night else 5.0))
    glow = Image.radial_gradient("L").resize((reach * 2, reach * 2), Image.Resampling.BICUBIC)
    strength = 0.34 if palette.night else 0.6
    glow = glow.point([round(strength * 255 * max(0.0, 1 - value / 180) ** 2) for value in range(256)])
    warm = (255, 226, 130) if palette.night else (255, 240, 190)
    scene.paste(warm, (int(at[0]) - reach, int(at[1]) - reach), glow)
    if palette.night:
        draw_banana(scene, at, radius * 1.25)
        return
    draw = ImageDraw.Draw(scene)
    color = _mix(BANANA, _rgb(palette.sky[-1]), palette.veil)
    draw.ellipse((at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius), fill=color)


def draw_banana(picture: Image.Image, at: tuple[float, float], radius: float) -> None:
    """Draw a banana, which also makes a good moon: two arcs that meet, and two dark tips."""
    angle = math.radians(28)

    def arc(bulge: float, start: float, end: float) -> list[tuple[float, float]]:
        points = []
        for step in range(33):
            turn = math.radians(start + (end - start) * step / 32)
            x, y = math.cos(turn) * radius, math.sin(turn) * radius * bulge
            points.append(
                (at[0] + x * math.cos(angle) - y * math.sin(angle), at[1] + x * math.sin(angle) + y * math.cos(angle))
            )
        return points

    outer, inner = arc(0.92, 8, 172), arc(0.36, 172, 8)
    draw = ImageDraw.Draw(picture)
    draw.polygon(outer + inner, fill=BANANA)
    draw.polygon(arc(0.92, 20, 160) + arc(0.74, 160, 20), fill=(242, 190, 48))
    for tip in (outer[0], outer[-1]):
        size = radius * 0.085
        draw.ellipse((tip[0] - size, tip[1] - size, tip[0] + size, tip[1] + size), fill=(122, 88, 40))


def _clouds(scene: Image.Image, unit: float, rng: Random) -> None:
    """Draw some flat-bottomed clouds, half transparent."""
    for _ in range(rng.randint(3, 5)):
        width = unit * rng.uniform(0.15, 0.28)
        tall = int(width * 0.42)
        mask = Image.new("L", (int(width), tall), 0)
        draw = ImageDraw.Draw(mask)
        shade = rng.randint(95, 150)
        draw.rounded_rectangle((0, tall * 0.62, width, tall * 1.4), radius=tall * 0.38, fill=shade)
        for middle, radius in ((0.32, rng.uniform(0.14, 0.19)), (0.58, rng.uniform(0.17, 0.24))):
            box = (width * (middle - radius), tall - width * radius * 1.7, width * (middle + radius), tall * 1.3)
            draw.ellipse(box, fill=shade)
        at = (int(rng.uniform(-0.1, 0.95) * scene.width), int(rng.uniform(0.05, 0.4) * scene.height))
        scene.paste((255, 255, 255), at, mask)


def _hills(scene: Image.Image, palette: _Palette, unit: float, hints: set[str], rng: Random) -> None:
    """Draw rows of hills, paler with distance and misty at the foot; towers and trees stand between them."""
    far, near, haze = _rgb(palette.far), _rgb(palette.near), _rgb(palette.sky[-1])
    rows = 5
    for row in range(rows):
        share = row / (rows - 1)
        color = _mix(far, near, share)
        base = scene.height * (0.5 + 0.36 * share)
        if "city" in hints and row == 2:
            _towers(scene, base + unit * 0.03, unit, _mix(color, near, 0.25), rng)
        ridge = _ridge(scene.width, base, unit * (0.075 - 0.035 * share), unit, rng)
        mask = Image.new("1", scene.size, 0)
        ImageDraw.Draw(mask).polygon([*ridge, (scene.width, scene.height), (0, scene.height)], fill=1)
        foot = _mix(color, haze, 0.42 if row < rows - 1 else 0.05)
        top = max(0, int(min(y for _, y in ridge)))
        bank = _gradient((scene.width, scene.height - top), (color, _mix(color, foot, 0.6), foot))
        scene.paste(bank, (0, top), mask.crop((0, top, scene.width, scene.height)))
        if "trees" in hints and row >= 2:
            _trees(scene, ridge, unit * (0.02 + 0.022 * share), _mix(color, near, 0.35), rng)


def _ridge(width: int, base: float, height: float, unit: float, rng: Random) -> list[tuple[float, float]]:
    """Give the line of one row of hills, from the left edge to the right."""
    waves = [(rng.uniform(2.2, 4.2) * factor / unit, rng.uniform(0, 7), 1 / factor) for factor in (1, 2.3, 5.1)]
    step = max(1, width // 220)
    return [
        (x, base - height * sum(math.sin(x * speed + shift) * share for speed, shift, share in waves))
        for x in range(0, width + step, step)
    ]


def _towers(scene: Image.Image, floor: float, unit: float, color: Color, rng: Random) -> None:
    """Draw a skyline with some lit windows."""
    draw = ImageDraw.Draw(scene)
    x = -unit * 0.02
    while x < scene.width:
        width, height = unit * rng.uniform(0.035, 0.075), unit * rng.uniform(0.06, 0.26)
        shade = _mix(color, (20, 20, 50), rng.uniform(0, 0.18))
        draw.rectangle((x, floor - height, x + width, floor + unit * 0.2), fill=shade)
        pane = unit * 0.006
        for column in range(1, int(width / pane / 2)):
            for line in range(1, int(height / pane / 2.6)):
                if rng.random() < 0.3:
                    left, top = x + column * pane * 2, floor - height + line * pane * 2.6
                    draw.rectangle((left, top, left + pane * 0.9, top + pane * 1.2), fill=_mix(shade, BANANA, 0.85))
        x += width + unit * rng.uniform(0.0, 0.012)


def _trees(scene: Image.Image, ridge: list[tuple[float, float]], height: float, color: Color, rng: Random) -> None:
    draw = ImageDraw.Draw(scene)
    for x, y in ridge:
        if rng.random() < 0.5:
            tall = height * rng.uniform(0.7, 1.5)
            wide = tall * 0.27
            for part in (0.0, 0.32):
                narrow = wide * (1 - part * 0.8)
                foot = y + height * 0.2 - tall * part
                tip = y - tall * (0.62 + part * 1.2)
                draw.polygon([(x - narrow, foot), (x, tip), (x + narrow, foot)], fill=color)


def _water(scene: Image.Image, palette: _Palette, light_x: float, unit: float, rng: Random) -> None:
    """Flood the lower part, and let the light lie on it."""
    shore = int(scene.height * 0.7)
    pale = _rgb(palette.sky[-1])
    deep = _mix(_rgb(palette.near), _rgb(palette.sky[0]), 0.5)
    bright = _mix(_mix(_rgb(palette.sky[-2]), pale, 0.3), deep, 0.25)
    scene.paste(_gradient((scene.width, scene.height - shore), (bright, deep)), (0, shore))
    draw = ImageDraw.Draw(scene)
    for _ in range(70):
        depth = rng.random()
        y = shore + depth * (scene.height - shore)
        near_light = rng.random() < 0.6
        x = rng.gauss(light_x, unit * (0.03 + 0.09 * depth)) if near_light else rng.random() * scene.width
        width, thick = unit * rng.uniform(0.015, 0.06) * (0.5 + depth), unit * 0.0028 * (0.6 + depth)
        color = _mix(deep, (255, 228, 140) if near_light else pale, 0.8 if near_light else 0.3)
        draw.rounded_rectangle((x - width, y, x + width, y + thick), radius=thick / 2, fill=color)


def _falling(scene: Image.Image, unit: float, rng: Random, *, snow: bool) -> None:
    """Let it rain or snow."""
    mask = Image.new("L", scene.size, 0)
    draw = ImageDraw.Draw(mask)
    for _ in range(240):
        x, y = rng.random() * scene.width, rng.random() * scene.height
        if snow:
            radius = unit * rng.uniform(0.0016, 0.0052)
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=rng.randint(120, 235))
        else:
            length = unit * rng.uniform(0.018, 0.045)
            thick = max(1, round(unit * 0.0018))
            draw.line((x, y, x - length * 0.22, y + length), fill=rng.randint(60, 130), width=thick)
    scene.paste((255, 255, 255), (0, 0), mask)
