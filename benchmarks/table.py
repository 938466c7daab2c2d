"""From the rounds' figures to the lines that are printed and written."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.rows import Figures
from benchmarks.stage import BASELINE, OURS

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["begun", "machine", "scale", "seed", "lifted", "load_average", "lines", "rounds"],
    "properties": {
        "begun": {"type": "string"},
        "machine": {"type": "object", "required": ["cores", "python", "system"]},
        "scale": {"type": "object", "required": ["name", "rounds"]},
        "seed": {"type": "integer"},
        "lifted": {"type": "object", "additionalProperties": {"type": "string"}},
        "load_average": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["row", "measure", "unit", "ours", "baseline", "ratio"],
                "properties": {
                    "row": {"type": "string"},
                    "measure": {"type": "string"},
                    "unit": {"type": "string"},
                    "ours": {"type": ["number", "null"]},
                    "baseline": {"type": ["number", "null"]},
                    "ratio": {"type": ["number", "null"]},
                },
            },
        },
        "rounds": {"type": "object"},
    },
}
"""Of the file that is written. ``ratio`` is ours over the baseline's: under 1 ours is better. Of growth it is a large
server's over an empty one's."""


@dataclass(frozen=True)
class Measure:
    """One line of the table: ``read`` takes it from one round's figures."""

    row: str
    name: str
    unit: str
    read: Callable[[Figures], float]


def _rank(values: Sequence[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))]


def _waits(rate: str, share: float) -> Callable[[Figures], float]:
    return lambda figures: _rank(figures[rate]["waits_ms"], share)


def _lag(share: float) -> Callable[[Figures], float]:
    return lambda figures: _rank(figures["lags_ms"], share) / 1000


def _plain(name: str) -> Callable[[Figures], float]:
    return lambda figures: float(figures[name])


def _median(size: str, name: str) -> Callable[[Figures], float]:
    return lambda figures: statistics.median(figures[size][name])


MEASURES = (
    *(
        Measure("acknowledgement", f"at {per_s} commands/s, {words}", "ms", _waits(f"at_{per_s}", share))
        for per_s in (20, 50)
        for words, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
    ),
    *(
        Measure("acknowledgement", f"at {per_s} commands/s, missed", "", lambda f, r=f"at_{per_s}": f[r]["missed"])
        for per_s in (20, 50)
    ),
    *(
        Measure("delivery", f"finished to visible, {words}", "s", _lag(share))
        for words, share in (("p50", 0.5), ("p95", 0.95), ("max", 1.0))
    ),
    Measure("delivery", "status polls per task", "", _plain("polls_per_task")),
    Measure("delivery", "other requests to Rivya per task", "", _plain("requests_per_task")),
    Measure("delivery", "requests to Discord per task", "", _plain("discord_requests_per_task")),
    Measure("delivery", "processor time per task", "ms", _plain("cpu_ms_per_task")),
    Measure("memory", "idle", "MiB", _plain("idle_mib")),
    Measure("memory", "one request with 8 large files, over idle", "MiB", _plain("one_mib")),
    Measure("memory", "many of them at once, over idle", "MiB", _plain("many_mib")),
    Measure("memory", "many of them at once, until the last picture", "s", _plain("many_s")),
    *(
        Measure("references", f"8 {size} files at 50 ms, {words}", "s", _median(size, name))
        for size in ("small", "large")
        for name, words in (("to_task_s", "command to task"), ("to_picture_s", "command to picture"))
    ),
)


GROWTH = (
    ("credits_ms", "/credits", "ms"),
    ("explain_ms", "/quota explain", "ms"),
    ("accept_ms", "check and hold", "ms"),
    ("accept_during_audit_ms", "check and hold, during an audit", "ms"),
    ("usage_s", "/usage of a month", "s"),
    ("audit_s", "audit", "s"),
    ("start_s", "start: the file checked, all read", "s"),
    ("size_mb", "the database", "MB"),
)
"""What is asked of an empty and of a large server: its name among the figures, our words, its unit."""


def lines_of(rounds: dict[str, dict[str, list[Figures]]]) -> list[dict[str, Any]]:
    """Return a line per measure from ``rounds[row][bot]``: medians, and the median of the rounds' ratios."""
    lines = []
    for measure in MEASURES:
        found = rounds.get(measure.row)
        if not found or not found[OURS]:
            continue
        ours, baseline = ([measure.read(figures) for figures in found[bot]] for bot in (OURS, BASELINE))
        ratios = [a / b for a, b in zip(ours, baseline, strict=True) if b]
        lines.append(
            {
                "row": measure.row,
                "measure": measure.name,
                "unit": measure.unit,
                "ours": statistics.median(ours),
                "baseline": statistics.median(baseline),
                "ratio": statistics.median(ratios) if ratios else None,
            }
        )
    for figures in rounds.get("accept", {}).get(OURS, []):
        for books, words in (("empty", "empty books"), ("filled", f"{figures['entries']:,} entries")):
            for name, measure_words in (("one_by_one_per_s", "one by one"), ("together_per_s", "16 at a time")):
                lines.append(
                    {
                        "row": "accept",
                        "measure": f"{measure_words}, {words}",
                        "unit": "per s",
                        "ours": figures[books][name],
                        "baseline": None,
                        "ratio": None,
                    }
                )
    for figures in rounds.get("growth", {}).get(OURS, []):
        lines += _growth_lines(figures)
    return lines


def _growth_lines(figures: Figures) -> list[dict[str, Any]]:
    """Return how an empty server and a large one compare: the ratio is the large one's over the empty one's."""

    def line(measure: str, unit: str, value: float, ratio: float | None = None) -> dict[str, Any]:
        return {"row": "growth", "measure": measure, "unit": unit, "ours": value, "baseline": None, "ratio": ratio}

    entries = f"{figures['entries']:,} entries"
    lines = []
    for name, words, unit in GROWTH:
        empty, large = figures[name]["empty"], figures[name]["large"]
        lines += [line(f"{words}, empty", unit, empty), line(f"{words}, {entries}", unit, large, large / empty)]
    return [*lines, line(f"migrating {entries} from before the totals", "s", figures["migrated_s"])]


def as_text(lines: list[dict[str, Any]]) -> str:
    """Return the table for a terminal."""
    form = "{:<16} {:<50} {:>10} {:>10} {:>7}  {}"
    head = form.format("", "", "ours", "baseline", "ratio", "")
    body = [
        form.format(
            line["row"],
            line["measure"],
            *(_number(line[bot]) for bot in (OURS, BASELINE)),
            "" if line["ratio"] is None else f"{line['ratio']:.2f}",
            line["unit"],
        )
        for line in lines
    ]
    return "\n".join([head.rstrip(), *(line.rstrip() for line in body)])


def _number(value: float | None) -> str:
    if value is None:
        return "n/a"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"
