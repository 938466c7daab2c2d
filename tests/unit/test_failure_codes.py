"""Every code that can be stored for a picture without bytes has words, and every code that has words is stored."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.credits.ledger import Balance
from bot.credits.repository import Entry
from bot.errors import ReferenceRefused
from bot.generations.places import InternalError
from bot.generations.states import FailureCode
from bot.media import DamagedResult
from bot.sandbox.rivya_faults import Fault, FaultKind
from bot.ui import cards
from bot.ui.words import failure_words
from tests.ui_limits import texts
from tests.ui_samples import picture
from tests.world import Worlds

ROOT = Path(__file__).parents[2]
NOW_MS = 1_700_000_000_000


def product() -> Iterator[tuple[Path, ast.Module]]:
    for file in [*(ROOT / "bot").rglob("*.py"), *(ROOT / "cogs").rglob("*.py")]:
        if "sandbox" not in file.parts:
            yield file, ast.parse(file.read_text(encoding="utf-8"))


def test_every_code_is_produced_somewhere() -> None:
    produced = {
        node.attr
        for file, tree in product()
        if file.parent.name != "ui"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "FailureCode"
    }
    assert produced == {code.name for code in FailureCode}


def test_no_code_is_stored_that_is_not_in_the_list() -> None:
    loose = [
        f"{file.relative_to(ROOT)}:{node.value.lineno}"
        for file, tree in product()
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == "failure_code" and isinstance(node.value, ast.Constant)
    ]
    assert loose == []
    for error in (ReferenceRefused, InternalError, DamagedResult):
        assert error.code in set(FailureCode)


@pytest.mark.parametrize("code", FailureCode)
def test_every_code_has_words_on_the_card_and_on_the_statement(code: FailureCode) -> None:
    assert failure_words(picture(1, failure_code=code))
    held = Entry(1, 1, "hold", 8, None, "p", None, "bot", "", NOW_MS)
    back = Entry(2, 1, "void", 8, 1, "p", None, "bot", code, NOW_MS)
    balance = Balance(160, 0, 0, 0, NOW_MS)
    assert "no picture was made" not in texts(cards.credits_card(balance, [back, held], NOW_MS, "A server"))


async def test_a_result_that_only_ever_comes_damaged_is_said_to_be_damaged(worlds: Worlds) -> None:
    worlds.rivya.faults.add(Fault(kind=FaultKind.WRONG_TYPE_RESULT, times=None))
    async with worlds.open() as world:
        request_id = await world.imagine()
        await world.until_idle(step_s=60)
        (lost,) = (await world.view(request_id)).pictures
        assert lost.failure_code == FailureCode.DAMAGED_RESULT
        assert "what came was damaged" in worlds.discord.posts[-1].words
        await world.check_books(charged=0, loss=8)
