"""A process that dies at any point: the next one finds one task, one charge, one message."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from bot.generations.protocols import DeliveryFault
from bot.generations.states import DeliveryState, PictureState, ReferenceState, RequestState, Rung
from bot.generations.store import FileStore
from bot.sandbox.rivya_faults import Fault, FaultKind
from tests.clocks import TestClock
from tests.world import ALICE, World, Worlds, png

LOST = Fault(kind=FaultKind.HANG, route="create")
REFUSED = Fault(kind=FaultKind.ERROR, status=500, route="create", times=None)
BUSY = Fault(kind=FaultKind.ERROR, status=429, route="create", times=None)
NO_UPLOAD = Fault(kind=FaultKind.ERROR, status=503, route="upload", times=None)
NO_RESULT = Fault(kind=FaultKind.ERROR, status=500, route="result", times=None)
ENDLESS = Fault(kind=FaultKind.TASK_SLOW, delay_s=60)


class Moment:
    """How to bring a world to a point and hold it there; ``reached`` tells when it is there."""

    def __init__(self, worlds: Worlds, name: str) -> None:
        self.worlds = worlds
        self.name = name

    def hold(self) -> None:
        faults = {
            "uploading": NO_UPLOAD,
            "uploaded": BUSY,
            "sent without effect": REFUSED,
            "sent with effect": LOST,
            "painting": ENDLESS,
            "fetching": NO_RESULT,
        }
        if self.name in faults:
            self.worlds.rivya.faults.add(faults[self.name])
        if self.name == "spooling":
            self.worlds.cdn.doors.clear()
        if self.name == "fetched":
            self.worlds.discord.refuse = lambda _rung, _try: DeliveryFault.TRANSIENT
        if self.name == "posted, not noted":
            self.worlds.discord.doors.clear()

    def release(self) -> None:
        self.worlds.rivya.faults.clear()
        self.worlds.cdn.doors.set()
        self.worlds.discord.doors.set()
        self.worlds.discord.refuse = lambda _rung, _try: None

    async def reached(self, world: World, request_id: str) -> bool:
        view = await world.view(request_id)
        (picture,), (image,) = view.pictures, view.references
        tasks = len(self.worlds.rivya.books.tasks)
        calls = [request.route for request in self.worlds.rivya.books.requests]
        return {
            "acknowledged": True,
            "spooling": bool(self.worlds.cdn.fetched),
            "uploading": "upload" in calls,
            "uploaded": image.state is ReferenceState.UPLOADED and "create" in calls,
            "sent without effect": picture.state is PictureState.SUBMITTING and "create" in calls,
            "sent with effect": picture.state is PictureState.SUBMITTING and tasks == 1,
            "painting": picture.state is PictureState.PAINTING,
            "fetching": picture.state is PictureState.FETCHING and "result" in calls,
            "fetched": picture.state is PictureState.FETCHED and bool(self.worlds.discord.attempts),
            "posted, not noted": bool(self.worlds.discord.posts),
            "shown": view.delivery is DeliveryState.SHOWN,
        }[self.name]


MOMENTS = (
    "acknowledged",
    "spooling",
    "uploading",
    "uploaded",
    "sent without effect",
    "sent with effect",
    "painting",
    "fetching",
    "fetched",
    "posted, not noted",
    "shown",
)


@pytest.mark.parametrize("name", MOMENTS)
async def test_one_task_one_charge_one_message_wherever_it_dies(worlds: Worlds, name: str) -> None:
    moment = Moment(worlds, name)
    moment.hold()
    async with worlds.open() as world:
        request_id = await world.imagine(references=(world.cdn.add("cat.png"),))
        await world.until(lambda: moment.reached(world, request_id))
        await world.crash()
        assert (await world.audit()).findings == ()
    # Twice in a row: the second one dies as soon as it has begun.
    async with worlds.open() as world:
        await world.crash()
        assert (await world.audit()).findings == ()
    moment.release()
    async with worlds.open() as world:
        await world.until_idle()
        await world.check_one_picture(request_id)
        assert len(worlds.rivya.books.uploads) == 1
        assert not worlds.discord.voids


async def test_what_was_never_acknowledged_is_voided_and_said(worlds: Worlds) -> None:
    async with worlds.open() as world:
        accepted = await world.accept(count=2)
        assert await world.left() == 160 - 16
        await world.crash()
    worlds.discord.deaf_to_voids = 2  # at a start Discord is not connected yet
    async with worlds.open() as world:
        await world.until(lambda: worlds.discord.voids)
        assert worlds.discord.voids == ["token-1"]
        assert worlds.discord.deaf_to_voids == 0
        assert await world.core.generations.acknowledged(accepted.request_id, message_id=1) is False
        await world.until_idle()
        view = await world.view(accepted.request_id)
        assert view.state is RequestState.VOID
        assert {picture.failure_code for picture in view.pictures} == {"not_acknowledged"}
        assert not worlds.rivya.books.tasks
        assert not worlds.discord.posts
        assert await world.left() == 160
        await world.check_books(charged=0)
    async with worlds.open() as world:
        await world.until_idle()
    assert worlds.discord.voids == ["token-1"]


async def test_a_second_crash_before_it_was_said_leaves_nobody_waiting(worlds: Worlds) -> None:
    async with worlds.open() as world:
        accepted = await world.accept()
        await world.crash()
    worlds.discord.deaf_to_voids = 1000
    async with worlds.open() as world:
        assert (await world.view(accepted.request_id)).state is RequestState.VOID
        await world.crash()
    worlds.discord.deaf_to_voids = 0
    async with worlds.open() as world:
        await world.until(lambda: worlds.discord.voids)
        await world.check_books(charged=0)
    assert worlds.discord.voids == ["token-1"]


async def test_who_asked_by_a_message_hears_of_a_void_too(worlds: Worlds) -> None:
    async with worlds.open() as world:
        await world.accept(origin=world.origin(source_kind="message", source_id="77", interaction_token=None))
        await world.crash()
    worlds.discord.deaf_to_voids = 1
    async with worlds.open() as world:
        await world.until(lambda: worlds.discord.voids)
        await world.check_books(charged=0)
    async with worlds.open() as world:
        await world.until_idle()
    assert worlds.discord.voids == ["message 77"]


async def test_nothing_is_said_with_a_token_that_has_died(worlds: Worlds, clock: TestClock) -> None:
    async with worlds.open() as world:
        await world.accept()
        await world.crash()
    clock.advance(16 * 60)
    async with worlds.open() as world:
        await world.until_idle()
        await world.check_books(charged=0)
    assert not worlds.discord.voids


async def test_a_command_that_died_before_it_could_acknowledge_leaves_no_hold(worlds: Worlds) -> None:
    async with worlds.open() as world:
        accepted = await world.accept()

        async def voided() -> bool:
            return (await world.view(accepted.request_id)).state is RequestState.VOID

        assert not await voided()
        await world.pass_time(120)
        await world.until(voided)
        await world.until(lambda: worlds.discord.voids)
        assert await world.core.generations.acknowledged(accepted.request_id, message_id=1) is False
        await world.check_books(charged=0)


async def test_a_doubtful_create_is_unknown_when_we_were_away_for_too_long(worlds: Worlds, clock: TestClock) -> None:
    worlds.rivya.faults.add(LOST)
    async with worlds.open(idempotency_trust_s=3600) as world:
        request_id = await world.imagine()
        await world.until(lambda: worlds.rivya.books.tasks)
        await world.crash()
    clock.advance(3601)
    async with worlds.open(idempotency_trust_s=3600) as world:
        await world.until_state(request_id, PictureState.UNKNOWN)
        await world.until_idle()
        assert sum(request.route == "create" for request in worlds.rivya.books.requests) == 1
        assert "never sent twice" in worlds.discord.posts[-1].words
        await world.check_books(charged=0, held=8)


async def test_a_picture_that_was_painted_while_we_were_away_is_not_called_late(
    worlds: Worlds, clock: TestClock
) -> None:
    async with worlds.open() as world:
        worlds.rivya.faults.add(ENDLESS)
        request_id = await world.imagine()
        await world.until_state(request_id, PictureState.PAINTING)
        await world.crash()
    clock.advance(6 * 3600)
    async with worlds.open() as world:
        await world.until_idle()
        await world.check_one_picture(request_id)
    assert [post.view.pictures[0].state for post in worlds.discord.posts] == [PictureState.FETCHED]
    assert worlds.discord.posts[0].rung is Rung.EDIT_MESSAGE  # hours after the token died


async def test_bytes_that_were_named_before_a_crash_are_found_again(worlds: Worlds) -> None:
    """The rename was on disk, the row was not: no second download is needed, nor possible."""
    worlds.rivya.faults.add(NO_RESULT)
    async with worlds.open() as world:
        request_id = await world.imagine()
        await world.until_state(request_id, PictureState.FETCHING)
        await world.crash()
        picture = (await world.view(request_id)).pictures[0]
    store = FileStore(worlds.folder)
    store.result(picture.id, "image/png").write_bytes(png())
    async with worlds.open() as world:
        await world.until_idle()
        await world.check_one_picture(request_id)


async def test_half_a_file_under_the_final_name_is_fetched_again(worlds: Worlds) -> None:
    worlds.rivya.faults.add(NO_RESULT)
    async with worlds.open() as world:
        request_id = await world.imagine()
        await world.until_state(request_id, PictureState.FETCHING)
        await world.crash()
        picture = (await world.view(request_id)).pictures[0]
    worlds.rivya.faults.clear()
    store = FileStore(worlds.folder)
    store.result(picture.id, "image/png").write_bytes(png()[:60])
    store.incoming("result-of-an-earlier-run").write_bytes(b"half")
    async with worlds.open() as world:
        await world.until_idle()
        await world.check_one_picture(request_id)
        assert not list(store.stray_files())


async def test_a_request_that_is_cancelled_during_its_upload_ends_without_trouble(
    worlds: Worlds, clock: TestClock
) -> None:
    """Upkeep takes the spooled files of what has ended away, under the upload that is tried again."""
    clock.slow_down(1)  # the upload's tries must not be over before the cancel
    worlds.rivya.faults.add(NO_UPLOAD)
    async with worlds.open() as world:
        with capture_logs() as logs:
            request_id = await world.imagine(references=(world.cdn.add("cat.png"),))
            # The first tries come before the picture has its place; then it is tried with patience.
            await world.until(lambda: "reference.not_uploaded_early" in [entry["event"] for entry in logs])
            tried = len(worlds.rivya.books.requests)
            await world.until(lambda: len(worlds.rivya.books.requests) > tried)
            await world.core.generations.cancel(request_id, user_id=ALICE)
            for path in list((worlds.folder / "references").iterdir()):
                path.unlink()
            await world.until_idle(step_s=1)
        events = [entry["event"] for entry in logs]
        assert "picture.ended_meanwhile" in events
        assert "picture.internal_error" not in events
        view = await world.view(request_id)
        assert view.state is RequestState.SETTLED
        assert view.trouble is None
        await world.check_books(charged=0)


async def test_prices_and_durations_are_remembered(worlds: Worlds) -> None:
    worlds.rivya.variants.price_credits = {("nano-banana-pro", "1K"): 12}
    worlds.rivya.variants.final_credits = {("nano-banana-pro", "1K"): 12}
    async with worlds.open() as world:
        await world.imagine()
        await world.until_idle()
    async with worlds.open() as world:
        assert world.core.catalogue.price_credits("nano-banana-pro", "1K") == 12
        accepted = await world.accept()
        assert accepted.cost_credits == 12


async def test_the_engine_lets_a_create_call_be_answered_before_it_stops(worlds: Worlds) -> None:
    worlds.rivya.faults.add(Fault(kind=FaultKind.SLOW, route="create", delay_s=0.3))
    async with worlds.open() as world:
        request_id = await world.imagine()
        await world.until(lambda: worlds.rivya.books.tasks)
        await world.core.engine.stop()
        (picture,) = (await world.view(request_id)).pictures
        assert picture.state is PictureState.PAINTING


async def test_nothing_is_sent_while_the_engine_stops(worlds: Worlds) -> None:
    worlds.cdn.doors.clear()
    worlds.rivya.faults.add(Fault(kind=FaultKind.SLOW, route="create", delay_s=1.5))
    async with worlds.open() as world:
        first = await world.imagine()
        await world.until(lambda: worlds.rivya.books.tasks)
        second = await world.imagine(references=(world.cdn.add("late.png"),))
        await world.until(lambda: worlds.cdn.fetched)
        stopping = asyncio.ensure_future(world.core.engine.stop())
        await asyncio.sleep(0)
        worlds.cdn.doors.set()
        await stopping
        states = [(await world.view(request_id)).pictures[0].state for request_id in (first, second)]
        assert states == [PictureState.PAINTING, PictureState.HELD]
    assert len(worlds.rivya.books.tasks) == 1
    async with worlds.open() as world:
        await world.until_idle()
        await world.check_books(charged=16)


async def test_the_list_of_models_is_asked_for_again_a_minute_later(worlds: Worlds) -> None:
    worlds.rivya.faults.add(Fault(kind=FaultKind.ERROR, status=503, route="models", times=None))

    def asked() -> int:
        return sum(request.route == "models" for request in worlds.rivya.books.requests)

    with capture_logs() as logs:
        async with worlds.open() as world:
            await world.until(lambda: "models.unread" in [line["event"] for line in logs])
            worlds.rivya.faults.clear()
            before = asked()
            await world.pass_time(40, step_s=5)
            assert asked() == before
            await world.pass_time(30, step_s=5)
            await world.until(lambda: asked() == before + 1)
            await world.pass_time(3600)
            assert asked() == before + 1
