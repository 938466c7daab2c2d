"""Charts are drawn by another process, from whatever names there are, and the bot itself loads nothing for them."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from bot.ui.charts import Charts

NAMES = [
    "general",
    "=cmd",
    r"$\frac{1}{2}$",
    "$",
    "مرحبا",
    "日本語",
    "\U0001f600" * 32,
    "\u202egnirts",
    "\n\t\x00",
    "W" * 100,
]


@pytest.fixture(scope="module")
def fonts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("charts")


async def test_any_names_and_numbers_are_drawn_on_one_width(fonts: Path) -> None:
    charts = Charts(fonts)
    for kind, labels, values in (
        ("ranked", NAMES, [10**12, 980, 640, 320, 310, 120, 64, 40, 8, 0]),
        ("ranked", ["Nano Banana Pro"], [8]),
        ("days", ["26 Nov"], [0]),
        ("days", [f"{day} Nov" for day in range(366)], list(range(366))),
    ):
        drawn = await charts.draw(kind, labels, values)  # type: ignore[arg-type]
        assert drawn is not None
        with Image.open(io.BytesIO(drawn)) as image:
            assert image.width == 960
            assert 100 < image.height < 900
            # Bars where there is something, on paper of its own: it is looked at on dark and on light.
            colours = {colour for _, colour in image.convert("RGB").getcolors(maxcolors=1 << 20) or ()}
            assert (0x1E, 0x1F, 0x22) in colours
            assert ((0xFF, 0xD4, 0x3B) in colours) == any(values)
            assert image.convert("RGBA").getextrema()[3] == (255, 255)


async def test_what_can_not_be_drawn_is_told_and_nothing_breaks(fonts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await Charts(fonts).draw("ranked", ["a"], ["not a number"]) is None  # type: ignore[list-item]
    monkeypatch.setattr("bot.ui.charts.TIMEOUT_S", 0.01)
    assert await Charts(fonts).draw("ranked", ["a"], [1]) is None
    monkeypatch.setattr(sys, "executable", str(fonts / "nothing"))
    assert await Charts(fonts).draw("ranked", ["a"], [1]) is None


async def test_the_drawing_process_knows_no_secret(
    fonts: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "a-token")
    spy = tmp_path / "spy"
    spy.write_text("#!/bin/sh\nenv >&2\nexit 1\n")
    spy.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(spy))
    seen: list[str] = []
    monkeypatch.setattr("bot.ui.charts.log.warning", lambda _event, error: seen.append(error))
    assert await Charts(fonts).draw("ranked", ["a"], [1]) is None
    assert "MPLCONFIGDIR" in seen[0]
    assert "DISCORD_TOKEN" not in seen[0]


def test_the_bot_does_not_load_what_draws() -> None:
    code = "import sys, bot.run, cogs.usage; print([m for m in ('matplotlib', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
