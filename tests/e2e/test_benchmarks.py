"""The benchmarks run from end to end; what they find is for whoever reads them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from benchmarks.rows import ROWS
from benchmarks.table import GROWTH, MEASURES, SCHEMA

ROOT = Path(__file__).parents[2]
PATIENCE_S = 300.0

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


async def test_both_bots_are_measured_side_by_side(tmp_path: Path) -> None:
    written = tmp_path / "result.json"
    code, output, errors = await bench("--tiny", "delivery", "accept", "growth", "--output", str(written))
    assert code == 0, errors
    report = json.loads(written.read_text())
    Draft202012Validator(SCHEMA).validate(report)

    wanted = [("delivery", measure.name) for measure in MEASURES if measure.row == "delivery"]
    lines = report["lines"]
    assert [(line["row"], line["measure"]) for line in lines if line["row"] == "delivery"] == wanted
    assert sum(line["row"] == "accept" for line in lines) == 4
    assert all(line["baseline"] is None for line in lines if line["row"] != "delivery")
    growth = [line for line in lines if line["row"] == "growth"]
    assert len(growth) == 2 * len(GROWTH) + 1
    for name, words, _ in GROWTH:  # an empty server and a large one, and how they compare
        empty, large = (line for line in growth if line["measure"] in {f"{words}, empty", f"{words}, 200 entries"})
        assert empty["ours"] > 0, name
        assert large["ratio"] == pytest.approx(large["ours"] / empty["ours"])
    for bot in ("ours", "baseline"):
        (found,) = report["rounds"]["delivery"][bot]
        assert (found["tasks"], found["missing"]) == (report["scale"]["tasks"], 0)
        assert found["requests_per_task"] == 2  # the task itself and its result
        assert found["cpu_ms_per_task"] > 0
    table = output.splitlines()
    assert table[0].split() == ["ours", "baseline", "ratio"]
    for line, record in zip(table[1:], lines, strict=False):
        assert line.startswith(record["row"])
        assert record["measure"] in line
    assert f"Written to {written}." in output


async def test_a_row_that_is_not_there_is_refused_with_those_that_are() -> None:
    code, _, errors = await bench("--quick", "speed")
    assert code == 2
    assert all(row in errors for row in (*ROWS, "accept", "growth"))
