"""The short form of the fault table: every kind of fault, at the calls where it matters most.

``make torture`` runs the long form. docs/reliability.md says what is promised, and what was counted.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.crash.launcher import Launcher
from tests.faults.groups import GROUPS, short_form
from tests.faults.rows import Group
from tests.faults.table import run_group


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("group", short_form(), ids=lambda group: group.name)
async def test_no_fault_loses_doubles_or_charges_twice(launcher: Launcher, group: Group) -> None:
    verdict = await run_group(launcher, group)
    assert not verdict.complaints, "\n".join(verdict.complaints)
    assert verdict.clean
    assert verdict.kills == verdict.points == len(group.rows)


def test_every_row_has_a_name_of_its_own() -> None:
    names = Counter(f"{group.name}: {row.name}" for group in GROUPS for row in group.rows)
    assert [name for name, times in names.items() if times > 1] == []
    assert sum(names.values()) >= 300
