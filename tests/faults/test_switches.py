"""What the fault table stands on: faults that say that they struck, and a loop with shorter time-outs."""

from __future__ import annotations

import asyncio

import pytest

from bot.sandbox.rivya_faults import Fault, FaultKind, Faults
from bot.sandbox.wire_faults import WireFault, WireFaultKind, WireFaults
from tests.crash.victim import AS_IT_IS_S, PacedLoop

EDIT = ("PATCH", "/channels/1/messages/2")


def test_a_fault_of_discords_may_go_by_whether_there_are_files() -> None:
    faults = WireFaults()
    result = WireFault(kind=WireFaultKind.RESET, route="edit", files=True)
    card = WireFault(kind=WireFaultKind.HANG, route="edit", files=False, after=1)
    faults.add(result)
    faults.add(card)
    assert faults.for_request(*EDIT) == []
    assert faults.for_request(*EDIT) == [card]
    assert faults.for_request(*EDIT, files=True) == [result]
    assert faults.waiting == []
    assert faults.struck == [card, result]


def test_rivyas_faults_say_how_often_they_struck() -> None:
    faults = Faults()
    twice = Fault(kind=FaultKind.LOST_AFTER, route="create", times=2, after=1)
    task = Fault(kind=FaultKind.TASK_FAILS)
    faults.add(twice)
    faults.add(task)
    for _ in range(4):
        faults.for_request("create")
    faults.for_request("status")
    faults.for_task()
    assert faults.struck == [twice, twice, task]


@pytest.mark.parametrize(
    ("asked_s", "waited_s"), [(0.05, 0.05), (AS_IT_IS_S, AS_IT_IS_S), (3.0, 0.3), (20.0, 1.0), (300.0, 15.0)]
)
def test_a_paced_loop_shortens_long_waits_only(asked_s: float, waited_s: float) -> None:
    loop = PacedLoop(20.0)
    try:
        before = loop.time()
        handle: asyncio.TimerHandle = loop.call_later(asked_s, print)
        after = loop.time()
        assert before + waited_s - 0.01 <= handle.when() <= after + waited_s + 0.01
    finally:
        loop.close()
