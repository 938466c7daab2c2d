"""Every error of the contract, every fault of the sandbox and everything the contract leaves open, each to its end.

Each case says what the person reads at the end, what they and the operator pay, and that no hold is left behind.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bot.generations.states import PictureState, RequestState
from bot.rivya import Timeouts
from bot.rivya.errors import _CONTRACT
from bot.sandbox.rivya_faults import HOME_ROUTE, Fault, FaultKind
from tests.clocks import TestClock
from tests.world import World, Worlds

QUICK = Timeouts(connect_s=5, ask_s=0.6, create_s=0.6, file_s=0.6)
"""Real seconds: what hangs is given up soon."""
BACK = "Nothing was charged; your 8 credits are back."
DAY_S = 24 * 3600


@dataclass
class Case:
    """``charged`` None: no picture comes. ``loss``: what the operator bears then."""

    faults: tuple[Fault, ...] = ()
    words: str = "8 credits"
    charged: int | None = 8
    tasks: int = 1
    loss: int = 0
    variance: int = 0
    closed: str | None = None
    long: bool = False
    next_price: int = 8
    variants: dict[str, Any] = field(default_factory=dict)


def refusal(status: int, code: str | None = None, *, times: int | None = 1, message: str | None = None) -> Fault:
    return Fault(kind=FaultKind.ERROR, route="create", status=status, code=code, times=times, message=message)


def no_picture(words: str, *faults: Fault, **changes: Any) -> Case:
    return Case(**{"faults": faults, "words": words, "charged": None, "tasks": 0, **changes})


CONTRACT = {
    "public_api_disabled": Case((refusal(503),)),
    "public_api_disabled for long": no_picture("closed for a short while", refusal(503, times=None), long=True),
    "rate_limited": Case((refusal(429),)),
    "rate_limited for long": no_picture("very busy right now", refusal(429, times=None), long=True),
    "api_key_missing": no_picture(
        "has no key for the image service yet", refusal(401, "api_key_missing"), closed="api_key_missing"
    ),
    "api_key_invalid": no_picture("does not know this bot's key", refusal(401), closed="api_key_invalid"),
    "api_key_revoked": no_picture("was revoked", refusal(401, "api_key_revoked"), closed="api_key_revoked"),
    "api_key_expired": no_picture("has expired", refusal(401, "api_key_expired"), closed="api_key_expired"),
    "api_scope_denied": no_picture("does not allow this", refusal(403), closed="api_scope_denied"),
    "validation_failed": no_picture("did not accept these options", refusal(400)),
    "insufficient_credits": no_picture(
        "account at the image service is empty", refusal(402), closed="insufficient_credits"
    ),
    "not_found": no_picture("can't find this picture", refusal(404)),
    "webhook_url_rejected": no_picture("address for its notices", refusal(400, "webhook_url_rejected")),
    "a code of moderation": no_picture("turned the prompt down", refusal(400, "content_moderation_blocked")),
    "a code nobody knows": no_picture("turned the request down", refusal(418, "teapot_refused")),
}
"""``idempotency_conflict`` ends otherwise and stands with the unknown ones below."""

TASKS = {
    "fails": no_picture("could not finish the picture", Fault(kind=FaultKind.TASK_FAILS), tasks=1),
    "fails without a word": no_picture(
        "could not finish the picture", Fault(kind=FaultKind.TASK_FAILS, error_object=False), tasks=1
    ),
    "fails over the prompt": no_picture(
        "turned the prompt down", Fault(kind=FaultKind.TASK_FAILS, code="safety_violation"), tasks=1
    ),
    "fails over the options": no_picture(
        "did not accept these options", Fault(kind=FaultKind.TASK_FAILS, code="validation_failed"), tasks=1
    ),
    "slow": Case((Fault(kind=FaultKind.TASK_SLOW, delay_s=120),)),
    "no address": no_picture(
        "gone before it could be fetched|could not be obtained",
        Fault(kind=FaultKind.NO_RESULT),
        tasks=1,
        loss=8,
        long=True,
    ),
    "every address dead": no_picture(
        "gone before it could be fetched|could not be obtained",
        Fault(kind=FaultKind.MISSING_RESULT),
        tasks=1,
        loss=8,
        long=True,
    ),
    "one address dead": Case((Fault(kind=FaultKind.DEAD_URL_ONCE),)),
    "not found once": Case((Fault(kind=FaultKind.NOT_FOUND_TASK),), closed=None),
    "cut off": Case((Fault(kind=FaultKind.TRUNCATED_RESULT),)),
    "no picture": Case((Fault(kind=FaultKind.WRONG_TYPE_RESULT),)),
    "never a picture": no_picture(
        "could not be obtained", Fault(kind=FaultKind.WRONG_TYPE_RESULT, times=None), tasks=1, loss=8, long=True
    ),
}

PRO = ("nano-banana-pro", "1K")
UNSTATED = {
    "create 201": Case(variants={"create_status": 201}),
    "create 202": Case(variants={"create_status": 202}),
    "replay 202": Case((Fault(kind=FaultKind.LOST_AFTER, route="create"),), variants={"replay_status": 202}),
    "replay 409 never": Case((Fault(kind=FaultKind.LOST_AFTER, route="create"),), variants={"replay_status": 201}),
    "bare upload": Case(variants={"bare_upload_answer": True, "upload_status": 201}),
    "Retry-After": Case((refusal(429),), variants={"retry_after_s": 3}),
    "rate limit": Case(variants={"rate_limit_per_minute": 6}),
    "empty 402": no_picture("is empty", variants={"current_credits": 7}, closed="insufficient_credits"),
    "empty 403": no_picture(
        "is empty", variants={"current_credits": 7, "insufficient_status": 403}, closed="insufficient_credits"
    ),
    "empty 400": no_picture(
        "is empty", variants={"current_credits": 7, "insufficient_status": 400}, closed="insufficient_credits"
    ),
    "empty as a failed task": no_picture(
        "is empty",
        variants={"current_credits": 7, "insufficient_as_failed_task": True},
        closed="insufficient_credits",
        tasks=1,
    ),
    "price above the page's": Case(charged=8, variance=4, next_price=12, variants={"price_credits": {PRO: 12}}),
    "final above": Case(charged=8, variance=3, next_price=11, variants={"final_credits": {PRO: 11}}),
    "final below": Case(charged=5, words="5 credits instead of 8", next_price=5, variants={"final_credits": {PRO: 5}}),
    "final nought": Case(charged=0, words="no credits", variants={"final_credits": {PRO: 0}}),
}

CASES = {f"{group}: {name}": case for group, cases in (("create", CONTRACT), ("task", TASKS), ("open", UNSTATED))
         for name, case in cases.items()}  # fmt: skip


def test_no_error_of_the_contract_is_left_out() -> None:
    assert set(_CONTRACT) - {name.split()[0] for name in CONTRACT} == {"idempotency_conflict"}


def test_no_fault_of_the_sandbox_is_left_out() -> None:
    on_tasks = {fault.kind for case in TASKS.values() for fault in case.faults} | {FaultKind.TASK_ENDLESS}
    assert on_tasks == set(HOME_ROUTE)
    assert on_tasks | {fault.kind for fault in ONE_REQUEST.values()} == set(FaultKind)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_the_end_is_told_and_the_books_agree(worlds: Worlds, case: Case) -> None:
    for name, value in case.variants.items():
        setattr(worlds.rivya.variants, name, value)
    async with worlds.open() as world:
        await world.until(lambda: world.core.generations.fact("provider.credits"))
        if "current_credits" in case.variants:  # empty behind the bot's back: the last reading still had some
            worlds.rivya.set_credits(case.variants["current_credits"])
        for fault in case.faults:
            worlds.rivya.faults.add(fault)
        request_id = await world.imagine(references=(world.cdn.add("cat.png"),))
        if case.long:
            await world.until(lambda: worlds.rivya.books.tasks or len(_creates(world)) > 1)
        await world.until_idle(step_s=60 if case.long else 0)

        view = await world.view(request_id)
        post = world.discord.posts[-1]
        assert any(words in post.words for words in case.words.split("|")), post.words
        assert view.state is RequestState.SETTLED
        assert view.charged_credits == (case.charged or 0)
        assert len(worlds.rivya.books.tasks) == case.tasks
        if case.charged is None:
            assert not post.files
            assert "8 credits are back" in post.words or "you pay nothing" in post.words.lower()
            assert worlds.rivya.books.total_charged == case.loss
        else:
            assert len(post.files) == 1
            assert worlds.rivya.books.total_charged == case.charged + case.variance
        await world.check_books(charged=case.charged or 0, loss=case.loss, variance=case.variance)
        assert await world.left() == 160 - (case.charged or 0)
        assert world.core.account.closed_code == case.closed
        assert world.core.catalogue.price_credits(*PRO) == case.next_price


def _creates(world: World) -> list[str | None]:
    return [request.idempotency_key for request in world.rivya.books.requests if request.route == "create"]


ONE_REQUEST = {
    "error": Fault(kind=FaultKind.ERROR, status=500),
    "error after the effect": Fault(kind=FaultKind.ERROR, status=500, effect=True),
    "bare error": Fault(kind=FaultKind.BARE_ERROR, status=502),
    "bare error after the effect": Fault(kind=FaultKind.BARE_ERROR, status=504, effect=True),
    "lost before": Fault(kind=FaultKind.LOST_BEFORE),
    "lost after": Fault(kind=FaultKind.LOST_AFTER),
    "malformed": Fault(kind=FaultKind.MALFORMED),
    "slow": Fault(kind=FaultKind.SLOW, delay_s=0.1),
    "hang": Fault(kind=FaultKind.HANG),
}
ROUTES = ("models", "credits", "upload", "create", "status", "result")


@pytest.mark.parametrize("name", ONE_REQUEST)
async def test_one_bad_answer_on_any_route_costs_nothing_but_time(worlds: Worlds, name: str) -> None:
    for route in ROUTES:
        worlds.rivya.faults.add(replace(ONE_REQUEST[name], route=route))
    async with worlds.open(timeouts=QUICK) as world:
        request_id = await world.imagine(references=(world.cdn.add("cat.png"),))
        await world.until_idle()
        await world.until(lambda: not [fault for fault in worlds.rivya.faults.waiting if fault.route != "models"])
        await world.check_one_picture(request_id)
        assert len(set(_creates(world))) == 1


@pytest.mark.parametrize("life_s", [None, 60])
async def test_a_key_that_lives_makes_one_task_of_any_number_of_sendings(worlds: Worlds, life_s: float | None) -> None:
    worlds.rivya.variants.key_life_s = life_s
    worlds.rivya.faults.add(Fault(kind=FaultKind.LOST_AFTER, route="create", times=2))
    async with worlds.open(idempotency_trust_s=50) as world:
        request_id = await world.imagine()
        await world.until_state(request_id, PictureState.FETCHED, PictureState.UNKNOWN)
        await world.until_idle()
        assert len(worlds.rivya.books.tasks) == 1
        assert set(_creates(world)) == {f"nbb-{request_id}-1-1"}


async def test_a_service_that_ignores_keys_costs_the_operator_not_the_member(worlds: Worlds) -> None:
    worlds.rivya.variants.key_life_s = 0
    worlds.rivya.faults.add(Fault(kind=FaultKind.LOST_AFTER, route="create"))
    async with worlds.open() as world:
        request_id = await world.imagine()
        await world.until_idle()
        assert (await world.view(request_id)).charged_credits == 8
        assert worlds.rivya.books.total_charged == 16  # why the documentation says where exactly-once ends
        await world.check_books(charged=8)


async def test_an_address_that_died_while_we_were_away_is_asked_for_again(worlds: Worlds, clock: TestClock) -> None:
    worlds.rivya.variants.result_url_life_s = 60
    worlds.rivya.faults.add(Fault(kind=FaultKind.ERROR, route="result", times=None))
    async with worlds.open() as world:
        request_id = await world.imagine()
        await world.until_state(request_id, PictureState.FETCHING)
        await world.crash()
    clock.advance(2 * DAY_S)
    worlds.rivya.faults.clear()
    async with worlds.open() as world:
        await world.until_idle()
        await world.check_one_picture(request_id)


async def test_an_upload_that_died_before_its_turn_is_made_again(worlds: Worlds) -> None:
    worlds.rivya.variants.upload_url_life_s = 200
    worlds.rivya.faults.add(Fault(kind=FaultKind.ERROR, status=429, route="create", times=None))
    async with worlds.open() as world:
        request_id = await world.imagine(references=(world.cdn.add("cat.png"),))
        await world.until(lambda: _creates(world))
        await world.pass_time(300, step_s=30)
        worlds.rivya.faults.clear()
        await world.until_idle()
        await world.check_one_picture(request_id)
        assert len(worlds.rivya.books.uploads) == 2
        assert len(worlds.rivya.books.tasks[0].reference_ids) == 1


async def test_a_reference_the_service_refuses_is_not_uploaded_over_and_over(worlds: Worlds) -> None:
    worlds.rivya.variants.upload_url_life_s = 0
    async with worlds.open() as world:
        request_id = await world.imagine(references=(world.cdn.add("cat.png"),))
        await world.until_idle()
        assert "did not accept these options" in world.discord.posts[-1].words
        assert len(worlds.rivya.books.uploads) == 1
        assert (await world.view(request_id)).state is RequestState.SETTLED
        await world.check_books(charged=0)


@pytest.mark.parametrize("status", [401, 403])
async def test_an_upload_that_is_not_allowed_closes_the_account(worlds: Worlds, status: int) -> None:
    async with worlds.open() as world:
        await world.until(lambda: world.core.generations.fact("provider.credits"))
        worlds.rivya.faults.add(Fault(kind=FaultKind.ERROR, status=status, route="upload", times=None))
        request_id = await world.imagine(references=(world.cdn.add("cat.png"),))
        await world.until_idle()
        assert "operator" in world.discord.posts[-1].words
        assert (await world.view(request_id)).state is RequestState.SETTLED
        assert world.core.account.closed
        assert not _creates(world)
        await world.check_books(charged=0)


async def test_a_slow_service_is_told_within_a_minute(worlds: Worlds) -> None:
    """The card says what is waited for, and that nothing is lost."""
    worlds.rivya.faults.add(Fault(kind=FaultKind.ERROR, status=500, route="status", times=6))
    async with worlds.open() as world:
        await world.imagine()
        await world.until_idle()
        told = [post for post in world.discord.progress if post.view.trouble]
        assert any("Nothing is lost" in post.progress_words for post in told)
        assert not any("500" in post.progress_words for post in world.discord.progress)
        await world.check_books(charged=8)


async def test_an_outage_is_waited_out_with_a_new_attempt(worlds: Worlds) -> None:
    async with worlds.open() as world:
        await world.until(lambda: world.core.generations.fact("provider.credits"))
        await worlds.rivya.stop()
        request_id = await world.imagine()

        async def refused() -> bool:
            return await world.count("attempts") > 1

        await world.until(refused)
        await worlds.rivya.start()
        await world.until_idle()
        await world.check_one_picture(request_id)
        assert len(set(_creates(world))) == 1


async def test_patience_with_an_outage_ends(worlds: Worlds) -> None:
    async with worlds.open() as world:
        await world.until(lambda: world.core.generations.fact("provider.credits"))
        await worlds.rivya.stop()
        request_id = await world.imagine()
        await world.until(lambda: world.count("attempts"))
        await world.pass_time(1500)
        await world.until_idle()
        assert "can't be reached right now" in world.discord.posts[-1].words
        assert BACK in world.discord.posts[-1].words
        assert (await world.view(request_id)).state is RequestState.SETTLED
        await world.check_books(charged=0)
        await worlds.rivya.start()
        await asyncio.sleep(0.05)
        assert not worlds.rivya.books.tasks
