"""What the database is asked for removals, reports and galleries, and what it holds when two things meet."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import insert

from bot.clock import SystemClock
from bot.generations.gallery import Gallery, NoGallery, PrivatePicture
from bot.generations.moderation import Moderation
from bot.generations.refusals import NotForYou
from bot.generations.repository import GenerationsRepository, ReportState
from bot.generations.states import DeliveryState, Rung
from bot.generations.values import RequestView
from bot.storage import Connection, Database
from bot.storage.credit_tables import accounts, entries
from bot.storage.request_tables import deliveries, pictures, requests
from tests.books import end
from tests.plans import Recorder, plan_of
from tests.world import World

OWNER, STRANGER, GUILD, CHANNEL = 10, 11, 20, 30
REQUEST = "0123456789abcdef"


async def shown_in(database: Database, **values: Any) -> None:
    """Write a result that stands in a channel."""

    async def work(tx: Any) -> None:
        await tx.execute(insert(accounts).values(id=90, kind="member", guild_id=GUILD, created_at_ms=0))
        await tx.execute(
            insert(requests).values(
                **{
                    "id": REQUEST, "source_kind": "interaction", "source_id": "1", "account_id": 90, "user_id": OWNER,
                    "guild_id": GUILD, "channel_id": CHANNEL, "model": "nano-banana-pro", "prompt": "a cat",
                    "options": "{}", "picture_count": 1, "private": 0, "notify": 0, "locale": "en-US",
                    "state": "settled", "application_id": 1, "token_expires_at_ms": 0, "message_id": 40,
                    "upload_limit_bytes": 1, "created_at_ms": 0, "place": "server", "place_guild_id": GUILD,
                }
                | values
            )
        )  # fmt: skip
        await tx.execute(
            insert(entries).values(
                id=900, account_id=90, kind="hold", amount_credits=8, picture_id=f"{REQUEST}-1", actor="member",
                reason="picture", created_at_ms=0,
            )
        )  # fmt: skip
        await tx.execute(
            insert(pictures).values(
                id=f"{REQUEST}-1", request_id=REQUEST, position=1, state="held", hold_id=900, price_credits=8
            )
        )
        await tx.execute(
            insert(deliveries).values(request_id=REQUEST, state=DeliveryState.SHOWN, channel_id=CHANNEL, message_id=40)
        )

    await database.write(work)


async def test_no_query_of_these_walks_through_a_whole_table(database: Database) -> None:
    seen: list[tuple[str, Any]] = []
    async with database.read() as tx:
        rows = GenerationsRepository(Recorder(tx, seen))  # type: ignore[arg-type]
        await rows.guilds.get(1)
        await rows.guilds.with_gallery(1, 2)
        await rows.gallery.get("p")
        await rows.gallery.of("r")
        await rows.reports.get(1)
        await rows.reports.by("r", 1)
        await rows.reports.open(1, limit=5)
        plan = await plan_of(tx, seen)
    assert len(seen) == 8
    assert [step for step in plan if step.startswith("SCAN") and "INDEX" not in step] == []


async def test_a_moderators_removal_stays_whatever_the_owner_does_then(database: Database) -> None:
    await shown_in(database)
    moderation = Moderation(database, SystemClock())
    with pytest.raises(NotForYou):
        await moderation.remove(REQUEST, user_id=STRANGER, guild_id=GUILD, moderator=False)
    with pytest.raises(NotForYou):
        await moderation.remove(REQUEST, user_id=STRANGER, guild_id=21, moderator=True)
    mine = await moderation.remove(REQUEST, user_id=OWNER, guild_id=GUILD, moderator=False)
    assert (mine.by_owner, [message.message_id for message in mine.messages]) == (True, [40])
    await moderation.remove(REQUEST, user_id=STRANGER, guild_id=GUILD, moderator=True)
    await moderation.remove(REQUEST, user_id=OWNER, guild_id=GUILD, moderator=True)
    await moderation.restore(REQUEST, user_id=OWNER)
    async with database.read() as tx:
        rows = GenerationsRepository(tx)
        request, delivery = await rows.requests.get(REQUEST), await rows.deliveries.get(REQUEST)
    assert request is not None
    assert request.removed_by == STRANGER
    assert delivery is not None
    assert delivery.state is DeliveryState.WITHDRAWN


@pytest.mark.parametrize(
    ("state", "picture", "by", "after"),
    [
        (DeliveryState.WAITING, "held", STRANGER, DeliveryState.KEPT),
        (DeliveryState.DUE, "failed", STRANGER, DeliveryState.KEPT),
        (DeliveryState.SHOWN, "held", STRANGER, DeliveryState.KEPT),  # one of several has not come yet
        (DeliveryState.SHOWN, "failed", STRANGER, DeliveryState.WITHDRAWN),
        (DeliveryState.WAITING, "held", OWNER, DeliveryState.WITHDRAWN),
        (DeliveryState.SHOWN, "held", OWNER, DeliveryState.WITHDRAWN),
    ],
)
async def test_what_somebody_else_removes_before_it_was_all_shown_waits_for_its_owner(
    database: Database, state: DeliveryState, picture: str, by: int, after: DeliveryState
) -> None:
    await shown_in(database)

    async def as_it_stood(tx: Connection) -> None:
        rows = GenerationsRepository(tx)
        await rows.deliveries.change(REQUEST, state=state)
        if picture == "failed":
            await end(tx, f"{REQUEST}-1", now_ms=1)

    await database.write(as_it_stood)
    await Moderation(database, SystemClock()).remove(REQUEST, user_id=by, guild_id=GUILD, moderator=True)
    delivery = await database.look(lambda tx: GenerationsRepository(tx).deliveries.get(REQUEST))
    assert delivery is not None
    assert delivery.state is after


async def test_a_result_that_waits_goes_on_waiting(database: Database) -> None:
    await shown_in(database)
    await database.write(
        lambda tx: GenerationsRepository(tx).deliveries.change(REQUEST, state=DeliveryState.KEPT, message_id=None)
    )
    moderation = Moderation(database, SystemClock())
    await moderation.remove(REQUEST, user_id=OWNER, guild_id=GUILD, moderator=False)
    async with database.read() as tx:
        delivery = await GenerationsRepository(tx).deliveries.get(REQUEST)
    assert delivery is not None
    assert delivery.state is DeliveryState.KEPT


async def test_the_same_person_reports_once_also_at_the_same_moment(database: Database) -> None:
    await shown_in(database)
    moderation = Moderation(database, SystemClock())
    report = {"reporter_id": STRANGER, "guild_id": GUILD, "channel_id": CHANNEL, "reason": " x " * 900}
    made = await asyncio.gather(*(moderation.report(REQUEST, **report) for _ in range(5)))  # type: ignore[arg-type]
    assert sorted(one.repeated for one in made) == [False, True, True, True, True]
    (stored,), total = await moderation.open_reports(GUILD)
    assert total == 1
    assert len(stored.reason) == 1000
    assert (await moderation.dismiss(stored.id, by=1, guild_id=GUILD)).state is ReportState.DISMISSED
    later = await moderation.dismiss(stored.id, by=2, guild_id=GUILD)
    assert later.handled_by == 1, "handled once"
    for elsewhere in ({"guild_id": 21}, {"guild_id": None}):
        with pytest.raises(NotForYou):
            await moderation.report(REQUEST, **(report | elsewhere))  # type: ignore[arg-type]


@pytest.mark.parametrize("values", [{"private": 1}, {"removed_by": OWNER}, {"place": "outside"}])
async def test_what_does_not_stand_here_for_all_can_not_be_reported(database: Database, values: dict[str, Any]) -> None:
    await shown_in(database, **values)
    moderation = Moderation(database, SystemClock())
    with pytest.raises(NotForYou):
        await moderation.report(REQUEST, reporter_id=STRANGER, guild_id=GUILD, channel_id=CHANNEL, reason="x")


async def _painted(database: Database) -> None:
    async def work(tx: Any) -> None:
        rows = GenerationsRepository(tx)
        for before, after in (("held", "submitting"), ("submitting", "painting"), ("painting", "fetching")):
            await rows.pictures.move(f"{REQUEST}-1", [before], after)  # type: ignore[list-item, arg-type]
        await tx.execute(
            insert(entries).values(
                account_id=90, kind="capture", amount_credits=8, settles_id=900, picture_id=f"{REQUEST}-1",
                actor="engine", reason="picture", created_at_ms=0,
            )
        )  # fmt: skip
        await rows.pictures.move(f"{REQUEST}-1", ["fetching"], "fetched", sha256="x", path="p")  # type: ignore[list-item, arg-type]

    await database.write(work)


async def test_a_gallery_row_is_there_before_any_message(database: Database) -> None:
    await shown_in(database)
    await _painted(database)
    moderation, gallery = Moderation(database, SystemClock()), Gallery(database, SystemClock())
    mine: dict[str, Any] = {"user_id": OWNER, "guild_id": GUILD, "moderator": False}
    with pytest.raises(NoGallery):
        await gallery.begin(REQUEST, 1, **mine)
    await moderation.set_channels(GUILD, by=1, gallery_channel_id=33)
    for wrong in (mine | {"user_id": STRANGER}, mine | {"guild_id": 21}, mine | {"guild_id": None}):
        with pytest.raises(NotForYou):
            await gallery.begin(REQUEST, 1, **wrong)
    with pytest.raises(NotForYou):
        await gallery.begin(REQUEST, 2, **mine)
    first, second = await gallery.begin(REQUEST, 1, **mine), await gallery.begin(REQUEST, 1, **mine)
    assert (first.again, second.again) == (False, True)
    assert (await gallery.posts(REQUEST))[f"{REQUEST}-1"].message_id is None
    await gallery.stands(f"{REQUEST}-1", channel_id=33, message_id=44)
    stands = await gallery.begin(REQUEST, 1, **(mine | {"user_id": STRANGER, "moderator": True}))
    assert stands.row.message_id == 44
    removed = await moderation.remove(REQUEST, user_id=OWNER, guild_id=GUILD, moderator=False)
    assert [(message.message_id, message.in_gallery) for message in removed.messages] == [(40, False), (44, True)]
    with pytest.raises(NotForYou):
        await gallery.begin(REQUEST, 1, **mine)


async def test_a_private_picture_is_exhibited_by_its_owner_alone(database: Database) -> None:
    await shown_in(database, private=1)
    await _painted(database)
    gallery = Gallery(database, SystemClock())
    await Moderation(database, SystemClock()).set_channels(GUILD, by=1, gallery_channel_id=33)
    with pytest.raises(NotForYou):
        await gallery.begin(REQUEST, 1, user_id=STRANGER, guild_id=GUILD, moderator=True, private_agreed=True)
    with pytest.raises(PrivatePicture):
        await gallery.begin(REQUEST, 1, user_id=OWNER, guild_id=GUILD, moderator=True)
    assert await gallery.posts(REQUEST) == {}
    begun = await gallery.begin(REQUEST, 1, user_id=OWNER, guild_id=GUILD, moderator=False, private_agreed=True)
    assert begun.row.channel_id == 33


async def test_what_is_deleted_while_it_is_being_posted_stays_deleted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    moderation = Moderation(world.database, world.clock)
    post = world.discord.post

    async def deleted_meanwhile(rung: Rung, view: RequestView, *args: Any) -> Any:
        posted = await post(rung, view, *args)
        await moderation.remove(view.id, user_id=view.user_id, guild_id=view.guild_id, moderator=False)
        return posted

    monkeypatch.setattr(world.discord, "post", deleted_meanwhile)
    request_id = await world.imagine("gone before it was there")
    await world.until_idle()
    assert (await world.view(request_id)).delivery is DeliveryState.WITHDRAWN
    tries = len(world.discord.tries)
    await world.pass_time(3600, step_s=600)
    assert len(world.discord.tries) == tries
    await world.check_books(charged=8)
