"""The short form of the crash table: every point of a public request, and a part of everything else.

``make torture`` runs the long form. docs/reliability.md says what is promised, and what was counted.
"""

from __future__ import annotations

import pytest

from tests.crash.judge import Verdict
from tests.crash.launcher import Launcher
from tests.crash.scenarios import SCENARIOS, Scenario
from tests.crash.storm import run_storm
from tests.crash.table import part, run_table

pytestmark = pytest.mark.asyncio(loop_scope="session")

PUBLIC, *OTHERS = SCENARIOS
PARTS = 6
"""Of the public request's points, so that workers share them."""
MIN_OWN_POINTS = 3
"""Of every other scenario: else the marks of its points are out of date."""

STEPS = {
    "after event",
    "before commit Acceptance.accept",
    "after commit Acceptance.accept",
    "before discord callback",
    "landed discord callback",
    "before commit Generations.acknowledged",
    "after commit Generations.acknowledged",
    "before rivya reference",
    "landed rivya reference",
    "before rename into references",
    "after rename into references",
    "before commit ReferenceStage._spool_one",
    "after commit ReferenceStage._spool_one",
    "before rivya upload",
    "landed rivya upload",
    "before commit ReferenceStage._upload_one",
    "after commit ReferenceStage._upload_one",
    "before commit Submitting.submit",
    "after commit Submitting.submit",
    "before rivya create",
    "landed rivya create",
    "before commit Submitting._submitted",
    "after commit Submitting._submitted",
    "before rivya poll",
    "landed rivya poll",
    "before commit Waiting._ended",
    "after commit Waiting._ended",
    "before rivya result",
    "landed rivya result",
    "before rename into results",
    "after rename into results",
    "before commit Fetching._capture",
    "after commit Fetching._capture",
    "before commit Courier._begin",
    "after commit Courier._begin",
    "before discord edit",
    "landed discord edit",
    "before commit Courier._shown",
    "after commit Courier._shown",
}
"""What a public request goes through at least; a step that is renamed is renamed here."""


def assert_kept(verdict: Verdict) -> None:
    """Every promise was kept, and the bot did die where it was to."""
    assert verdict.complaints == []
    assert verdict.clean
    assert verdict.reached


@pytest.mark.parametrize("number", range(PARTS))
async def test_a_public_request_survives_a_kill_at_every_point(launcher: Launcher, number: int) -> None:
    verdict = await run_table(launcher, PUBLIC, chosen=part(number, PARTS))
    assert_kept(verdict)
    assert STEPS - {point.rpartition(" #")[0] for point in verdict.passed} == set()


@pytest.mark.parametrize("scenario", OTHERS, ids=lambda scenario: scenario.name)
async def test_other_requests_survive_kills_too(launcher: Launcher, scenario: Scenario) -> None:
    verdict = await run_table(launcher, scenario, chosen=scenario.is_own)
    assert_kept(verdict)
    assert verdict.points >= MIN_OWN_POINTS


@pytest.mark.parametrize(("seed", "troubled"), [(1, True), (2, False)])
async def test_random_kills_under_load_break_no_promise(launcher: Launcher, seed: int, troubled: bool) -> None:
    verdict = await run_storm(launcher, seed=seed, lives=8, troubled=troubled)
    assert_kept(verdict)
    assert verdict.kills
    assert len(verdict.deeds) > 3, "people did hardly anything"
