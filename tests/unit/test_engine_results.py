"""Results that are hard to get, several pictures of one request, and cancelling."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest

from bot.generations import fetching
from bot.generations.protocols import FetchError
from bot.generations.states import DeliveryState, PictureState, RequestState
from bot.generations.values import Trouble
from bot.media import commit_file
from bot.sandbox.rivya_faults import Fault, FaultKind
from bot.ui.failure import cancelled_card
from tests.clocks import TestClock
from tests.world import ALICE, BOB, Worlds, words_of

FETCHED, FAILED, CANCELLED, OVERDUE = (
    PictureState.FETCHED,
    PictureState.FAILED,
    PictureState.CANCELLED,
    PictureState.OVERDUE,
)


# --- results ---


async def test_a_full_disk_is_waited_for_and_told(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    full = True

    def commit(temporary: Path, final: Path) -> None:
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        commit_file(temporary, final)

    monkeypatch.setattr(fetching, "commit_file", commit)
    async with worlds.open() as world:
        request_id = await world.imagine()
        await world.until(lambda: [post for post in worlds.discord.progress if post.view.trouble == "disk"])
        assert "short of room" in worlds.discord.progress[-1].progress_words
        await world.pass_time(26 * 3600, step_s=600)  # longer than any patience: room may still be made
        assert (await world.view(request_id)).pictures[0].state is PictureState.FETCHING
        await world.check_books(charged=0, held=8)
        full = False
        await world.pass_time(120)
        await world.until_idle()
        await world.check_one_picture(request_id)


async def test_an_error_of_our_own_keeps_no_picture_from_its_owner(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = 2

    def commit(temporary: Path, final: Path) -> None:
        nonlocal broken
        if broken:
            broken -= 1
            raise RuntimeError("a defect")
        commit_file(temporary, final)

    monkeypatch.setattr(fetching, "commit_file", commit)
    async with worlds.open() as world:
        request_id = await world.imagine()
        await world.until(lambda: not broken)
        await world.pass_time(60, step_s=5)
        await world.until_idle()
        await world.check_one_picture(request_id)
        assert any(post.view.trouble == "internal" for post in worlds.discord.progress)


async def test_an_error_of_our_own_before_sending_gives_the_credits_back(worlds: Worlds) -> None:
    async with worlds.open() as world:
        worlds.rivya.faults.add(Fault(kind=FaultKind.ERROR, status=503, route="upload", times=1))
        request_id = await world.imagine(references=(world.cdn.add("cat.png"),))
        await world.until(lambda: any(request.route == "upload" for request in worlds.rivya.books.requests))
        for path in (worlds.folder / "references").iterdir():
            path.unlink()
        await world.pass_time(900, step_s=60)
        await world.until_idle()
        assert "Something went wrong on my side" in worlds.discord.posts[-1].words
        assert (await world.view(request_id)).state is RequestState.SETTLED
        assert not worlds.rivya.books.tasks
        await world.check_books(charged=0)


async def test_a_reference_that_is_no_picture_is_named_and_costs_nothing(worlds: Worlds) -> None:
    async with worlds.open() as world:
        good, bad = world.cdn.add("good.png"), world.cdn.add("holiday.png", b"GIF89a not a picture at all" * 20)
        request_id = await world.imagine(references=(good, bad), count=2)
        await world.until_idle()
        words = worlds.discord.posts[-1].words
        assert "holiday.png" in words
        assert "16 credits are back" in words
        assert (await world.view(request_id)).state is RequestState.SETTLED
        assert all(upload.client_request_id == f"{request_id}-r1" for upload in worlds.rivya.books.uploads)
        await world.check_books(charged=0)


async def test_a_reference_goes_up_while_the_next_one_is_awaited(worlds: Worlds) -> None:
    async with worlds.open() as world:
        first, second = world.cdn.add("first.png"), world.cdn.add("second.png")
        arrival = world.cdn.held[second.url] = asyncio.Event()
        request_id = await world.imagine(references=(first, second))
        await world.until(lambda: bool(worlds.rivya.books.uploads))
        states = [image.state for image in (await world.view(request_id)).references]
        assert states[1] == "waiting"
        arrival.set()
        await world.until_idle()
        await world.check_one_picture(request_id)
        assert len(worlds.rivya.books.uploads) == 2


async def test_without_a_place_nothing_goes_up_before_its_time(worlds: Worlds) -> None:
    async with worlds.open(max_running=1) as world:
        worlds.rivya.variants.task_s = (3600.0, 3600.0)
        await world.imagine()
        await world.until(lambda: bool(worlds.rivya.books.tasks))
        waiting = await world.imagine(references=(world.cdn.add("cat.png"),))
        await world.until(lambda: len(world.core.queue) == 1)  # everything that comes before its place is done
        await world.core.generations.cancel(waiting, user_id=ALICE)
        assert not worlds.rivya.books.uploads


async def test_a_reference_that_comes_late_is_waited_for(worlds: Worlds) -> None:
    async with worlds.open() as world:
        image = world.cdn.add("cat.png")
        world.cdn.faults[image.url] = [FetchError("503", retryable_now=True)] * 2
        request_id = await world.imagine(references=(image,))
        await world.until_idle()
        await world.check_one_picture(request_id)
        assert any("can't be fetched from Discord yet" in post.progress_words for post in worlds.discord.progress)


@pytest.mark.parametrize("again", [True, False])
async def test_a_reference_that_can_not_be_fetched_is_named(worlds: Worlds, again: bool) -> None:
    async with worlds.open() as world:
        image = world.cdn.add("cat.png")
        world.cdn.faults[image.url] = [FetchError("no", retryable_now=again)] * 20
        await world.imagine(references=(image,))
        if again:
            await world.until(lambda: len(worlds.cdn.fetched) > 1)
            await world.pass_time(120, step_s=5)
        await world.until_idle()
        assert "cat.png can't be fetched from Discord any more" in worlds.discord.posts[-1].words
        assert len(worlds.cdn.fetched) == (6 if again else 1)
        await world.check_books(charged=0)


# --- several pictures ---


async def test_successes_are_captured_and_the_rest_given_back(worlds: Worlds) -> None:
    worlds.rivya.faults.add(Fault(kind=FaultKind.TASK_FAILS, after=1, times=2))
    async with worlds.open() as world:
        request_id = await world.imagine(count=4)
        await world.until_idle()
        view = await world.view(request_id)
        assert sorted(picture.state for picture in view.pictures) == [FAILED, FAILED, FETCHED, FETCHED]
        (post,) = worlds.discord.posts
        assert len(post.files) == 2
        assert "2 of 4 pictures came" in post.words
        assert "16 credits are back" in post.words
        assert worlds.rivya.books.total_charged == 16
        assert len({task.key for task in worlds.rivya.books.tasks}) == 4
        await world.check_books(charged=16)
        assert await world.left() == 160 - 16


async def test_late_ones_are_edited_in_after_a_minute(worlds: Worlds) -> None:
    worlds.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=300, times=2))
    async with worlds.open() as world:
        request_id = await world.imagine(count=4)
        await world.until(lambda: worlds.discord.posts)
        first_ms = min(p.finished_at_ms for p in (await world.view(request_id)).pictures if p.finished_at_ms)
        assert worlds.discord.posts[0].at_ms - first_ms >= 60_000
        assert len(worlds.discord.posts[0].files) == 2
        assert "2 more pictures are being painted" in worlds.discord.posts[0].words
        shown_ms = worlds.discord.posts[0].at_ms
        await world.pass_time(400, step_s=10)
        await world.until_idle()
        assert len(worlds.discord.posts[-1].files) == 4
        assert len({post.message_id for post in worlds.discord.posts}) == 1
        assert all(post.at_ms < shown_ms for post in worlds.discord.progress)
        assert len(worlds.discord.posts) <= 3  # one for each change that can be seen, no more
        await world.check_books(charged=32)


async def test_all_come_together_when_they_are_quick(worlds: Worlds) -> None:
    async with worlds.open() as world:
        await world.imagine(count=4, notify=True)
        await world.until_idle()
        assert [len(post.files) for post in worlds.discord.posts] == [4]
        assert len(worlds.discord.pings) == 1
        await world.check_books(charged=32)


async def test_one_success_beside_one_that_is_late(worlds: Worlds) -> None:
    worlds.rivya.faults.add(Fault(kind=FaultKind.TASK_ENDLESS))
    async with worlds.open() as world:
        request_id = await world.imagine(count=2)
        await world.until(lambda: worlds.discord.posts)
        await world.pass_time(1300, step_s=30)

        async def rests() -> bool:
            return {picture.state for picture in (await world.view(request_id)).pictures} == {FETCHED, OVERDUE}

        await world.until(rests)
        await world.until_idle()
        assert "much longer than usual" in worlds.discord.posts[-1].words
        assert (await world.view(request_id)).state is RequestState.RUNNING
        await world.check_books(charged=8, held=8)


# --- cancelling ---


async def test_what_was_not_sent_is_given_back_at_once(worlds: Worlds) -> None:
    worlds.rivya.variants.task_s = (60.0, 60.0)
    async with worlds.open(max_running=1) as world:
        await world.imagine(origin=world.origin(user_id=BOB))
        await world.until(lambda: worlds.rivya.books.tasks)
        request_id = await world.imagine(count=3)
        result = await world.core.generations.cancel(request_id, user_id=ALICE)
        assert result is not None
        assert (result.freed_pictures, result.freed_credits, result.sent_pictures) == (3, 24, 0)
        assert "24 credits are back" in words_of(cancelled_card(result))
        await world.until_delivery(request_id, DeliveryState.SHOWN)
        assert await world.left() == 160
        await world.until_idle()
        assert len(worlds.rivya.books.tasks) == 1
        await world.check_books(charged=8)


async def test_what_was_sent_comes_and_is_paid_for(worlds: Worlds) -> None:
    async with worlds.open() as world:
        request_id = await world.imagine()
        await world.until(lambda: worlds.rivya.books.tasks)
        result = await world.core.generations.cancel(request_id, user_id=ALICE)
        assert result is not None
        assert (result.freed_pictures, result.sent_pictures, result.sent_credits) == (0, 1, 8)
        assert "too late" in words_of(cancelled_card(result))
        await world.until_idle()
        await world.check_one_picture(request_id)


async def test_a_stranger_cancels_nothing(worlds: Worlds) -> None:
    worlds.cdn.doors.clear()
    async with worlds.open() as world:
        request_id = await world.imagine(references=(world.cdn.add("cat.png"),))
        assert await world.core.generations.cancel(request_id, user_id=BOB) is None
        assert await world.core.generations.cancel("0123456789abcdef", user_id=ALICE) is None
        await world.check_books(charged=0, held=8)
        moderated = await world.core.generations.cancel(request_id, user_id=BOB, moderator=True)
        assert moderated is not None
        assert moderated.freed_pictures == 1
        worlds.cdn.doors.set()
        await world.until_idle()
        assert not worlds.rivya.books.tasks
        await world.check_books(charged=0)


async def test_a_request_that_is_cancelled_before_its_acknowledgement_ends(worlds: Worlds) -> None:
    async with worlds.open() as world:
        accepted = await world.accept()
        await world.core.generations.cancel(accepted.request_id, user_id=ALICE)
        await world.core.generations.acknowledged(accepted.request_id, message_id=5)
        await world.until_idle()
        assert (await world.view(accepted.request_id)).state is RequestState.SETTLED
        assert "Cancelled" in worlds.discord.posts[-1].words
        await world.check_books(charged=0)


async def test_a_cancel_against_a_submit_has_one_winner(worlds: Worlds) -> None:
    rounds = 24
    async with worlds.open(member_credits_per_month=10_000, max_running_per_member=100) as world:
        freed, wait_s = 0, 0.0
        for _ in range(rounds):
            request_id = await world.imagine(origin=world.origin(user_id=ALICE))
            await asyncio.sleep(max(wait_s, 0.0))
            result = await world.core.generations.cancel(request_id, user_id=ALICE)
            assert result is not None
            assert result.freed_pictures + result.sent_pictures == 1
            freed += result.freed_pictures
            # Stay where the two meet, however fast this machine is.
            wait_s = wait_s * 1.6 + 0.002 if result.freed_pictures else wait_s * 0.7
        await world.until_idle()
        assert len(worlds.rivya.books.tasks) == rounds - freed
        assert 0 < freed < rounds
        await world.check_books(charged=8 * (rounds - freed))


async def test_a_cancel_while_it_waits_to_try_again_wins(worlds: Worlds, clock: TestClock) -> None:
    worlds.rivya.faults.add(Fault(kind=FaultKind.ERROR, status=429, route="create", times=None))
    async with worlds.open() as world:
        request_id = await world.imagine()
        await world.until(lambda: [post for post in worlds.discord.progress if post.view.trouble == "busy"])

        async def cancelled() -> bool:
            result = await world.core.generations.cancel(request_id, user_id=ALICE)
            return bool(result and result.freed_pictures)

        await world.until(cancelled)
        worlds.rivya.faults.clear()
        clock.advance(300)
        await world.until_idle()
        assert [picture.state for picture in (await world.view(request_id)).pictures] == [CANCELLED]
        assert not worlds.rivya.books.tasks
        await world.check_books(charged=0)


async def test_a_slow_attachment_is_told_until_all_are_there(worlds: Worlds) -> None:
    worlds.cdn.doors.clear()
    async with worlds.open() as world:
        request_id = await world.imagine(references=(world.cdn.add("cat.png"), world.cdn.add("dog.png")))

        async def told() -> bool:
            return (await world.view(request_id)).trouble == Trouble.REFERENCES

        await world.until(told)
        world.cdn.doors.set()
        await world.until_idle()
        assert (await world.view(request_id)).trouble is None
        await world.check_books(charged=8)


async def test_a_result_that_can_not_be_fetched_over_many_restarts_is_given_up_at_last(worlds: Worlds) -> None:
    worlds.rivya.faults.add(Fault(kind=FaultKind.ERROR, route="result", status=503, times=None))
    async with worlds.open() as world:
        request_id = await world.imagine()
        await world.until_state(request_id, PictureState.FETCHING)
        await world.crash()
    for _day in range(4):
        worlds.clock.advance(20 * 3600)
        async with worlds.open() as world:
            assert (await world.view(request_id)).pictures[0].state is PictureState.FETCHING
            await world.crash()
    async with worlds.open() as world:

        async def lost() -> bool:
            await world.pass_time(20, step_s=5)
            return (await world.view(request_id)).pictures[0].state is PictureState.LOST

        begun_ms = world.clock.now_ms()
        await world.until(lost)
        assert world.clock.now_ms() - begun_ms < 3600_000
        assert await world.left() == 160
        assert await world.operator("loss") == 8
        assert (await world.audit()).findings == ()
