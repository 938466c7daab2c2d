"""Text in any script, with the fonts that happen to be there; nothing is ever downloaded.

Latin is set in the typeface that comes with Pillow; a character that it lacks is looked for in a few common system
fonts. What no font has is shown as that typeface shows the unknown.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Final

from PIL import Image, ImageDraw, ImageFont

_SYSTEM_FONTS: Final = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansArabic-Regular.ttf",
    "NotoSansHebrew-Regular.ttf",
    "NotoSansDevanagari-Regular.ttf",
    "NotoSansBengali-Regular.ttf",
    "NotoSansTamil-Regular.ttf",
    "NotoSansThai-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "NotoSansJP-Regular.ttf",
    "wqy-microhei.ttc",
    "Arial Unicode.ttf",
    "Hiragino Sans GB.ttc",
    "AppleSDGothicNeo.ttc",
    "segoeui.ttf",
    "msyh.ttc",
    "malgun.ttf",
    "YuGothM.ttc",
)
# Colour fonts of fixed size: file and the one size, in pixels, that it has.
_EMOJI_FONTS: Final = (("NotoColorEmoji.ttf", 109), ("Apple Color Emoji.ttc", 160))
_EMOJI_SIZES: Final[dict[str | None, int]] = dict(_EMOJI_FONTS)
_PROBE_SIZE: Final = 24
_UNASSIGNED: Final = "\U000effff"


@dataclass(frozen=True)
class _Run:
    """A stretch of text in one font; ``font`` ``None`` is Pillow's own."""

    text: str
    font: str | None


class Typesetter:
    """Measures, breaks and draws lines at one size in pixels."""

    def __init__(self, size: float) -> None:
        self.size = max(6.0, size)

    def width(self, text: str) -> float:
        """Measure one line."""
        return sum(self._run_width(run) for run in _runs(text))

    def lines(self, text: str, *, width: float, most: int) -> list[str]:
        """Break ``text`` into at most ``most`` lines of ``width`` pixels, the last one cut with an ellipsis."""
        lines: list[str] = []
        current = ""
        for word in _words(text):
            joined = f"{current} {word}" if current else word
            if self.width(joined) <= width:
                current = joined
                continue
            if current:
                lines.append(current)
            while self.width(word) > width and len(lines) <= most:
                head = self._longest_head(word, width)
                lines.append(head)
                word = word[len(head) :]  # noqa: PLW2901 - what is left of the word
            current = word
            if len(lines) > most:
                break
        if current:
            lines.append(current)
        if len(lines) <= most:
            return lines
        last = lines[most - 1]
        while last and self.width(f"{last}…") > width:
            last = last[:-1]
        return [*lines[: most - 1], f"{last.rstrip()}…"]

    def draw(
        self,
        picture: Image.Image,
        at: tuple[float, float],
        line: str,
        *,
        color: tuple[int, int, int],
        rtl: bool = False,
    ) -> None:
        """Draw one line; ``at`` is its left edge and its baseline, ``rtl`` the direction of its whole paragraph."""
        runs = _runs(line)
        x, baseline = at
        for run in reversed(runs) if rtl else runs:
            emoji_size = _EMOJI_SIZES.get(run.font)
            if emoji_size is None:
                font = _font(run.font, self.size)
                text = run.text.rstrip() if rtl and not is_rtl(run.text) else run.text
                # What follows foreign words in a right-to-left line stands on their left, the space included.
                left = x + font.getlength(run.text) - font.getlength(text)
                ImageDraw.Draw(picture).text((left, baseline), text, fill=color, font=font, anchor="ls")
            else:
                self._draw_emoji(picture, (x, baseline), run, emoji_size)
            x += self._run_width(run)

    def _run_width(self, run: _Run) -> float:
        emoji_size = _EMOJI_SIZES.get(run.font)
        if emoji_size is None:
            return _font(run.font, self.size).getlength(run.text)
        return _font(run.font, emoji_size).getlength(run.text) * self.size / emoji_size

    def _draw_emoji(self, picture: Image.Image, at: tuple[float, float], run: _Run, emoji_size: int) -> None:
        """Draw colour glyphs at their own size, and bring them to ours."""
        font = _font(run.font, emoji_size)
        left, top, right, bottom = (int(edge) for edge in font.getbbox(run.text, anchor="ls"))
        if right <= left or bottom <= top:
            return
        glyphs = Image.new("RGBA", (right - left, bottom - top))
        ImageDraw.Draw(glyphs).text((-left, -top), run.text, font=font, anchor="ls", embedded_color=True)
        scale = self.size / emoji_size
        small = glyphs.resize((max(1, round(glyphs.width * scale)), max(1, round(glyphs.height * scale))))
        picture.paste(small, (round(at[0] + left * scale), round(at[1] + top * scale)), small)

    def _longest_head(self, word: str, width: float) -> str:
        """Find how much of a word that is too long goes on one line; at least a character."""
        low, high = 1, len(word)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.width(word[:middle]) <= width else (low, middle - 1)
        return word[:low]


def is_rtl(text: str) -> bool:
    """Tell whether the first letter with a direction runs from right to left."""
    for char in text:
        direction = unicodedata.bidirectional(char)
        if direction in ("L", "R", "AL"):
            return direction != "L"
    return False


def _words(text: str) -> list[str]:
    """Split into words without characters that can't be drawn."""
    sound = text.encode(errors="replace").decode()
    return "".join(" " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char for char in sound).split()


def _runs(text: str) -> list[_Run]:
    """Split one line by the fonts it takes."""
    runs: list[_Run] = []
    for char in text:
        font = runs[-1].font if runs and _joins(char, runs[-1]) else _font_for(char)
        if runs and runs[-1].font == font:
            runs[-1] = _Run(runs[-1].text + char, font)
        else:
            runs.append(_Run(char, font))
    return runs


def _joins(char: str, before: _Run) -> bool:
    """Tell whether ``char`` belongs to what stands before it: marks, joiners; after words also spaces and points."""
    if unicodedata.category(char) in ("Mn", "Mc", "Me", "Cf", "Sk"):
        return True
    return before.font not in _EMOJI_SIZES and (char.isspace() or char in _NEUTRAL)


_NEUTRAL: Final = frozenset(".,:;!?…-–'\"()")


@cache
def _font_for(char: str) -> str | None:
    if char.isspace() or _has(None, char):
        return None
    if 0x1F000 <= ord(char) < 0x20000 or 0x2600 <= ord(char) < 0x27C0:
        for name, size in _EMOJI_FONTS:
            if _exists(name, size):
                return name
    return next((name for name in _SYSTEM_FONTS if _exists(name, _PROBE_SIZE) and _has(name, char)), None)


@cache
def _exists(name: str, size: int) -> bool:
    try:
        ImageFont.truetype(name, size)
    except OSError:
        return False
    return True


def _has(name: str | None, char: str) -> bool:
    """Tell whether a font has ``char``, by whether it looks other than the unknown."""
    font = _font(name, _PROBE_SIZE)
    return bytes(font.getmask(char)) != _unknown(name)


@cache
def _unknown(name: str | None) -> bytes:
    return bytes(_font(name, _PROBE_SIZE).getmask(_UNASSIGNED))


@cache
def _font(name: str | None, size: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size) if name is None else ImageFont.truetype(name, size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("this Pillow was built without FreeType")
    return font
