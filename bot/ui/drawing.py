"""Draws one chart and ends: a program of its own, so that what it loads is gone when the picture is there.

    python -m bot.ui.drawing < chart.json > chart.png

It is given numbers and labels, and knows nothing else: no settings, no database, no token. Nothing imports it.
"""

from __future__ import annotations

import io
import json
import sys
import unicodedata
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.textpath import TextPath
from matplotlib.ticker import FuncFormatter, MaxNLocator

# The colours of a card on Discord's dark theme; opaque, so that it reads as well on the light one.
PAPER, INK, FAINT, TRACK, BANANA = "#1E1F22", "#F2F3F5", "#A3A8B4", "#2E3036", "#FFD43B"
WIDTH_IN, SCALE = 4.8, 200
"""Shown 290 points wide on a phone: a size of 12 is read as 9 there."""
_SIZE, _SMALL = 12.5, 11.5
_ROW_IN, _MARGIN_IN, _LABELS_IN, _NUMBERS_IN = 0.34, 0.16, 2.14, 0.85
_MOST_DAY_LABELS = 5
_FEWEST_DAYS = 5


def main() -> None:
    """Read what to draw, write the picture."""
    mpl.rcParams["font.family"] = ["DejaVu Sans"]
    asked = json.load(sys.stdin)
    sys.stdout.buffer.write(draw(asked))


def draw(asked: dict[str, Any]) -> bytes:
    """Return a PNG: bars across for ``kind`` "ranked", upright ones for "days"."""
    figure = _ranked(asked) if asked["kind"] == "ranked" else _days(asked)
    sink = io.BytesIO()
    figure.savefig(sink, format="png", dpi=SCALE, facecolor=PAPER)
    return sink.getvalue()


def _ranked(asked: dict[str, Any]) -> Figure:
    values: list[int] = asked["values"]
    most = max([*values, 1])
    height = _ROW_IN * len(values) + 2 * _MARGIN_IN
    figure = Figure(figsize=(WIDTH_IN, height))
    left, right = _LABELS_IN / WIDTH_IN, _NUMBERS_IN / WIDTH_IN
    axes = figure.add_axes((left, _MARGIN_IN / height, 1 - left - right, 1 - 2 * _MARGIN_IN / height))
    axes.set_xlim(0, most)
    axes.set_ylim(len(values) - 0.5, -0.5)
    places = range(len(values))
    axes.barh(places, [most] * len(values), height=0.6, color=TRACK)
    axes.barh(places, [max(value, 0) for value in values], height=0.6, color=BANANA)
    rank: dict[str, Any] = {"fontsize": _SIZE, "va": "center_baseline", "transform": axes.get_yaxis_transform()}
    name = {**rank, "ha": "left", "color": INK}
    rank |= {"ha": "right", "color": FAINT}
    width = WIDTH_IN - _LABELS_IN - _NUMBERS_IN
    for place, (value, text) in enumerate(zip(values, asked["labels"], strict=True)):
        axes.text((0.42 - _LABELS_IN) / width, place, str(place + 1), **rank)
        axes.text((0.52 - _LABELS_IN) / width, place, _label(text), **name)
        axes.text(1 + 0.1 / width, place, f"{value:,}", **name)
    axes.set_xticks([])
    axes.set_yticks([])
    _bare(axes)
    return figure


def _days(asked: dict[str, Any]) -> Figure:
    values: list[int] = asked["values"]
    labels: list[str] = asked["labels"]
    figure = Figure(figsize=(WIDTH_IN, 2.4), layout=ConstrainedLayoutEngine(w_pad=_MARGIN_IN, h_pad=_MARGIN_IN))
    axes = figure.subplots()
    places = range(len(values))
    axes.bar(places, [max(value, 0) for value in values], width=0.8, color=BANANA)
    step = max(-(-len(labels) // _MOST_DAY_LABELS), 1)
    shown = list(places)[::step]
    axes.set_xticks(shown, [labels[place] for place in shown], fontsize=_SMALL, color=FAINT)
    beside = max(_FEWEST_DAYS - len(values), 0) / 2  # a single day is no wall of yellow
    axes.set_xlim(-0.6 - beside, len(values) - 0.4 + beside)
    axes.set_ylim(0, max([*values, 1]) * 1.08)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{int(value):,}"))
    axes.tick_params(axis="y", labelsize=_SMALL, labelcolor=FAINT)
    axes.tick_params(axis="x", pad=9)
    axes.grid(axis="y", color=TRACK, linewidth=0.8)
    axes.set_axisbelow(True)
    _bare(axes)
    return figure


def _bare(axes: Any) -> None:
    axes.set_facecolor(PAPER)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)


def _label(text: str) -> str:
    """Return what the font can write of a name; nothing where that is not most of it: the list below has it whole."""
    whole = unicodedata.normalize("NFC", text[:100])
    font = get_font(findfont(FontProperties(family="DejaVu Sans")))
    kept = "".join(char for char in whole if _is_plain(char) and font.get_char_index(ord(char)) != 0).strip()
    if len(kept) * 2 < len(whole):
        return ""
    shown, length = kept, len(kept)
    while length and _width_in(shown) > _LABELS_IN - 0.62:
        length -= 1
        shown = kept[:length].rstrip() + "…"
    return shown.replace("$", r"\$")  # else the beginning of a formula


def _width_in(text: str) -> float:
    return float(TextPath((0, 0), text.replace("$", "S") or " ", size=_SIZE).get_extents().width) / 72


def _is_plain(char: str) -> bool:
    # No picture, nothing unseen; scripts from right to left would need shaping.
    if unicodedata.category(char) in {"So", "Sk", "Mn", "Me"} or unicodedata.category(char)[0] == "C":
        return False
    return unicodedata.bidirectional(char) not in {"R", "AL", "AN"}


if __name__ == "__main__":
    main()
