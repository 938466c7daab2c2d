"""The benchmarks run from end to end; what they find is for whoever reads them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from benchmarks.rows import ROWS
from benchmarks.table import GROWTH, MEASURES, SCHEMA

ROOT = Path(__file__).parents[2]
PATIENCE_S = 300.0
ALONE = ("accept", "growth")
"""Measured for our bot alone."""

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the benchmarks read /proc")


async def bench(*arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks", *arguments),
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    return process.returncode or 0, output.decode(), errors.decode()


def assert_counts(row: str, found: dict[str, Any], scale: dict[str, Any]) -> None:
    """What was counted in one row of one bot is what the scale asks for; how long it took is not looked at."""
    match row:
        case "acknowledgement":
            assert found["running"] == scale["running"]
            for per_s in (20, 50):
                waits = found[f"at_{per_s}"]
                assert len(waits["waits_ms"]) + waits["missed"] == round(per_s * scale[f"seconds_at_{per_s}"])
                assert waits["missed"] == 0
                assert waits["waits_ms"] == sorted(waits["waits_ms"])
        case "delivery":
            assert (found["tasks"], found["missing"], found["complete"]) == (scale["tasks"], 0, True)
            assert len(found["lags_ms"]) == scale["tasks"]
            assert found["requests_per_task"] == 2  # the task itself and its result
            assert found["cpu_ms_per_task"] > 0
        case "memory":
            assert found["idle_mib"] > 1
            assert min(found["one_mib"], found["many_mib"]) >= 0
            assert min(found["one_s"], found["many_s"]) > 0
        case "references":
            for size in ("small", "large"):
                for times in found[size].values():
                    assert len(times) == scale[f"{size}_repeats"]
                assert all(
                    task < picture
                    for task, picture in zip(found[size]["to_task_s"], found[size]["to_picture_s"], strict=True)
                )
        case "growth":  # an empty server and a large one
            assert [found["entries"], found["members"], found["rules"]] == scale["growth"][:3]
            assert all(min(found[name].values()) > 0 for name, *_ in GROWTH)
            assert found["size_mb"]["large"] > found["size_mb"]["empty"]
        case _:
            assert found["entries"] == scale["entries"]
            for books in ("empty", "filled"):
                assert min(found[books].values()) > 0


async def test_both_bots_are_measured_side_by_side(tmp_path: Path) -> None:
    """Every part that is printed, in two halves beside each other: they wait more than they work."""
    parts = (("acknowledgement", "delivery", "accept"), ("memory", "references", "growth"))
    files = [tmp_path / f"{names[0]}.json" for names in parts]
    runs = await asyncio.gather(
        *(bench("--tiny", *names, "--output", str(path)) for names, path in zip(parts, files, strict=True))
    )
    measured: set[str] = set()
    for names, path, (code, output, errors) in zip(parts, files, runs, strict=True):
        assert (code, "is left out" in errors) == (0, False), errors
        report = json.loads(path.read_text())
        Draft202012Validator(SCHEMA).validate(report)
        lines, scale = report["lines"], report["scale"]
        wanted = [(measure.row, measure.name) for row in names for measure in MEASURES if measure.row == row]
        assert [(line["row"], line["measure"]) for line in lines if line["row"] not in ALONE] == wanted
        assert sum(line["row"] == "accept" for line in lines) == 4 * ("accept" in names)
        growth = [line for line in lines if line["row"] == "growth"]
        assert len(growth) == (2 * len(GROWTH) + 1) * ("growth" in names)
        assert sum(line["ratio"] is not None for line in growth) == len(GROWTH) * ("growth" in names)
        assert all((line["baseline"] is None) == (line["row"] in ALONE) for line in lines)
        for row in names:
            for bot in ("ours",) if row in ALONE else ("ours", "baseline"):
                (found,) = report["rounds"][row][bot]
                assert_counts(row, found, scale)
            measured.add(row)
        table = output.splitlines()
        assert table[0].split() == ["ours", "baseline", "ratio"]
        for line, record in zip(table[1:], lines, strict=False):
            assert line.startswith(record["row"])
            assert record["measure"] in line
        assert f"Written to {path}." in output
    assert measured == {*ROWS, *ALONE}


async def test_a_row_that_is_not_there_is_refused_with_those_that_are() -> None:
    code, _, errors = await bench("--quick", "speed")
    assert code == 2
    assert all(row in errors for row in (*ROWS, "accept", "growth"))
