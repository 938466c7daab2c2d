"""The Discord side of delivery, through discord.py's own HTTP layer, against a small REST server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import discord
import pytest

import bot.posting
from bot.generations.protocols import DeliveryError, DeliveryFault, PostFile, Target, Voided
from bot.generations.repository import ReportRow, ReportState
from bot.generations.states import PictureState, Rung
from bot.generations.values import RequestView
from bot.posting import DiscordDelivery
from bot.ui import ids
from bot.ui.failure import failure_card
from bot.ui.gallery import gallery_card
from bot.ui.progress import progress_card
from bot.ui.removal import report_card
from bot.ui.result import result_card
from tests.discord_rest import (
    APPLICATION_ID,
    DM_CHANNEL_ID,
    DiscordRest,
    attachment,
    message,
    serve_discord_rest,
)
from tests.ui_limits import walk
from tests.ui_samples import picture, request

CHANNEL, GUILD, OWNER, MESSAGE = 30, 20, 10, 40
VIEW = request(picture(), channel_id=CHANNEL, guild_id=GUILD, user_id=OWNER, message_id=MESSAGE)
TARGET = Target(APPLICATION_ID, "interaction-token", MESSAGE, nonce="0123456789ab7f3a-6a000000")


@pytest.fixture
async def rest() -> AsyncIterator[DiscordRest]:
    async with serve_discord_rest() as rest:
        yield rest


@pytest.fixture
async def delivery(rest: DiscordRest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DiscordDelivery]:
    monkeypatch.setattr(discord.http.Route, "BASE", rest.url)
    client = discord.Client(intents=discord.Intents(guilds=True))
    await client.login("a-token")
    rest.sent.clear()
    delivery = DiscordDelivery()
    delivery.client = client
    yield delivery
    await client.close()


@pytest.fixture
def files(tmp_path: Path) -> list[PostFile]:
    path = tmp_path / "p.png"
    path.write_bytes(b"a picture")
    return [PostFile(1, path, f"nano-banana-{VIEW.reference}-1.png", fitted=False)]


VOIDED = Voided("00ff", APPLICATION_ID, "interaction-token", CHANNEL, GUILD, None)
MENTION = replace(VOIDED, interaction_token=None, source_message_id=77)

Post = Callable[[DiscordDelivery, list[PostFile]], Coroutine[Any, Any, Any]]
WAYS: dict[str, Post] = {
    "edit_message": lambda d, f: d.post(Rung.EDIT_MESSAGE, VIEW, TARGET, f),
    "edit_original": lambda d, f: d.post(Rung.EDIT_ORIGINAL, VIEW, TARGET, f),
    "channel": lambda d, f: d.post(Rung.CHANNEL, VIEW, TARGET, f),
    "direct": lambda d, f: d.post(Rung.DIRECT, VIEW, TARGET, f),
    "progress": lambda d, _f: d.show_progress(Rung.EDIT_MESSAGE, VIEW, TARGET),
    "void": lambda d, _f: d.say_void(VOIDED),
    "ping": lambda d, _f: d.ping(_delivered_in(VIEW, CHANNEL)),
}


async def test_where_each_way_leads(delivery: DiscordDelivery, rest: DiscordRest, files: list[PostFile]) -> None:
    posted = {name: await way(delivery, files) for name, way in WAYS.items()}
    assert [(sent.method, sent.path, len(sent.files)) for sent in rest.sent] == [
        ("PATCH", f"/channels/{CHANNEL}/messages/{MESSAGE}", 1),
        ("PATCH", f"/webhooks/{APPLICATION_ID}/interaction-token/messages/@original", 1),
        ("POST", f"/channels/{CHANNEL}/messages", 1),
        ("POST", "/users/@me/channels", 0),
        ("POST", f"/channels/{DM_CHANNEL_ID}/messages", 1),
        ("PATCH", f"/channels/{CHANNEL}/messages/{MESSAGE}", 0),
        ("PATCH", f"/webhooks/{APPLICATION_ID}/interaction-token/messages/@original", 0),
        ("POST", f"/channels/{CHANNEL}/messages", 0),
    ]
    assert (posted["edit_message"].channel_id, posted["edit_message"].message_id) == (CHANNEL, MESSAGE)
    assert (posted["channel"].channel_id, posted["channel"].message_id) == (CHANNEL, 7777)
    assert posted["direct"].channel_id == DM_CHANNEL_ID


async def test_a_new_message_is_sent_once_by_its_nonce(
    delivery: DiscordDelivery, rest: DiscordRest, files: list[PostFile]
) -> None:
    for way in ("channel", "direct", "ping"):
        await WAYS[way](delivery, files)
    for sent in rest.calls("POST", "/messages"):
        assert sent.body["enforce_nonce"] is True
        assert 0 < len(sent.body["nonce"]) <= 25
    first, second, ping = (sent.body for sent in rest.calls("POST", "/messages"))
    assert first["nonce"] == second["nonce"] == TARGET.nonce != ping["nonce"]
    assert first["allowed_mentions"] == {"parse": [], "users": [OWNER]}
    assert f"<@{OWNER}>" in str(first["components"])
    assert ping["message_reference"]["fail_if_not_exists"] is False


async def test_where_no_reply_is_allowed_the_person_is_mentioned_without_one(
    delivery: DiscordDelivery, rest: DiscordRest
) -> None:
    rest.refuse_replies = True
    await delivery.ping(_delivered_in(VIEW, CHANNEL))
    reply, plain = (sent.body for sent in rest.calls("POST", "/messages"))
    assert "message_reference" in reply
    assert "message_reference" not in plain
    assert plain["nonce"] == reply["nonce"]
    assert f"<@{OWNER}>" in plain["content"]


TABLE = [
    (404, 10008, DeliveryFault.GONE),
    (404, 10003, DeliveryFault.NO_ACCESS),
    (403, 50001, DeliveryFault.NO_ACCESS),
    (403, 50013, DeliveryFault.NO_ACCESS),
    (403, 50007, DeliveryFault.NO_ACCESS),
    (403, 50278, DeliveryFault.NO_ACCESS),
    (403, 0, DeliveryFault.NO_ACCESS),
    (403, 40333, DeliveryFault.TRANSIENT),  # Discord's edge, not Discord
    (400, 50035, DeliveryFault.REJECTED),
    (400, 50083, DeliveryFault.REJECTED),
    (413, 40005, DeliveryFault.TOO_LARGE),
    (400, 40005, DeliveryFault.TOO_LARGE),
    (413, 0, DeliveryFault.TOO_LARGE),
    (408, 0, DeliveryFault.TRANSIENT),
    (429, 0, DeliveryFault.TRANSIENT),  # without a Via header: not from Discord's own limiter
]


@pytest.mark.parametrize("way", ["edit_message", "edit_original", "channel"])
@pytest.mark.parametrize(("status", "code", "fault"), TABLE)
async def test_what_discord_answers_decides_what_is_tried_next(
    delivery: DiscordDelivery,
    rest: DiscordRest,
    files: list[PostFile],
    way: str,
    status: int,
    code: int,
    fault: DeliveryFault,
) -> None:
    rest.answer("*", "/messages", status, code)
    with pytest.raises(DeliveryError) as failed:
        await WAYS[way](delivery, files)
    assert failed.value.fault is fault


@pytest.mark.parametrize(
    ("way", "status", "code", "fault"),
    [
        ("edit_original", 401, 50027, DeliveryFault.TOKEN_DEAD),
        ("edit_original", 404, 10015, DeliveryFault.TOKEN_DEAD),
        ("edit_original", 401, 0, DeliveryFault.TOKEN_DEAD),
        # The bot's own token: the operator's to mend, and no reason to give a result up.
        ("edit_message", 401, 0, DeliveryFault.TRANSIENT),
        ("edit_message", 503, 0, DeliveryFault.TRANSIENT),
        ("channel", 503, 0, DeliveryFault.TRANSIENT),
        ("channel", 401, 0, DeliveryFault.TRANSIENT),
        ("progress", 503, 0, DeliveryFault.TRANSIENT),
        ("void", 404, 10015, DeliveryFault.TOKEN_DEAD),
        ("ping", 403, 50013, DeliveryFault.NO_ACCESS),
        ("direct", 403, 50007, DeliveryFault.NO_ACCESS),
    ],
)
async def test_whose_token_it_is_makes_a_difference(
    delivery: DiscordDelivery,
    rest: DiscordRest,
    files: list[PostFile],
    way: str,
    status: int,
    code: int,
    fault: DeliveryFault,
) -> None:
    rest.answer("*", "/messages", status, code)
    with pytest.raises(DeliveryError) as failed:
        await WAYS[way](delivery, files)
    assert failed.value.fault is fault


@pytest.mark.parametrize("way", WAYS)
async def test_without_a_connection_it_is_tried_later(
    delivery: DiscordDelivery, files: list[PostFile], monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(discord.http.Route, "BASE", "http://127.0.0.1:9/api/v10")
    with pytest.raises(DeliveryError) as failed:
        await WAYS[way](delivery, files)
    assert failed.value.fault is DeliveryFault.TRANSIENT


@pytest.mark.parametrize("state", ["none", "not logged in", "closed", "session closed"])
async def test_before_and_after_the_connection_it_is_tried_later(
    delivery: DiscordDelivery, files: list[PostFile], state: str
) -> None:
    client = delivery.client
    assert client is not None
    if state == "none":
        delivery.client = None
    elif state == "not logged in":
        delivery.client = discord.Client(intents=discord.Intents.none())
    elif state == "closed":
        await client.close()
    else:
        await client.http.close()
    for way in WAYS.values():
        with pytest.raises(DeliveryError) as failed:
            await way(delivery, files)
        assert failed.value.fault is DeliveryFault.TRANSIENT


@asynccontextmanager
async def no_answer(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Discord takes everything and says nothing."""

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        monkeypatch.setattr(discord.http.Route, "BASE", f"http://127.0.0.1:{port}/api/v10")
        yield


async def test_a_card_that_is_not_answered_holds_its_result_up_for_a_shorter_time(
    delivery: DiscordDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bot.posting.PROGRESS_TIMEOUT_S < bot.posting.CALL_TIMEOUT_S
    monkeypatch.setattr(bot.posting, "PROGRESS_TIMEOUT_S", 0.05)
    async with no_answer(monkeypatch):
        for rung in (Rung.EDIT_MESSAGE, Rung.EDIT_ORIGINAL):
            with pytest.raises(DeliveryError) as failed:
                await asyncio.wait_for(delivery.show_progress(rung, VIEW, TARGET), 10)
            assert failed.value.fault is DeliveryFault.TRANSIENT


async def test_a_message_is_given_up_before_its_nonce_is_forgotten(
    delivery: DiscordDelivery, files: list[PostFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An earlier try may have arrived unseen: what arrives under a nonce that is forgotten stands there twice."""
    async with no_answer(monkeypatch):
        late = replace(TARGET, nonce_left_s=0.05)
        with pytest.raises(DeliveryError) as failed:
            await asyncio.wait_for(delivery.post(Rung.CHANNEL, VIEW, late, files), 10)
        assert failed.value.fault is DeliveryFault.TRANSIENT


# --- a message whose answer was lost ---


def _shown(card: discord.ui.LayoutView) -> list[dict[str, Any]]:
    """A card as Discord gives it back: every component has a number."""
    components = card.to_components()
    for number, part in enumerate(walk(components), start=1):
        part["id"] = number
        for item in part.get("items", []):
            item["media"] = {"url": item["media"]["url"], "proxy_url": "https://x", "id": "1"}
    return components


PICTURE = f"nano-banana-{VIEW.reference}-1.png"
FAILED = request(
    picture(state=PictureState.FAILED, failure_code="generation_failed"),
    channel_id=CHANNEL,
    guild_id=GUILD,
    user_id=OWNER,
    message_id=MESSAGE,
)
SEARCHING = Target(APPLICATION_ID, None, MESSAGE, nonce=TARGET.nonce, nonce_left_s=None)


def _report(state: ReportState = ReportState.OPEN) -> ReportRow:
    handled = None if state is ReportState.OPEN else 1
    return ReportRow(1, VIEW.id, GUILD, 11, "it is rude", state, CHANNEL, 51, 0, handled, handled)


def _with_picture(card: discord.ui.LayoutView, name: str = PICTURE) -> dict[str, Any]:
    return {"components": _shown(card), "attachments": [attachment(name)]}


@pytest.mark.parametrize("view", [VIEW, FAILED])
async def test_our_own_message_is_found_and_not_sent_again(
    delivery: DiscordDelivery, rest: DiscordRest, files: list[PostFile], view: RequestView
) -> None:
    came = view is VIEW
    card = result_card(view, files) if came else failure_card(view)
    found = message(51, **(_with_picture(card) if came else {"components": _shown(card)}))
    rest.history = [message(52), found, message(50)]
    posted = await delivery.post(Rung.CHANNEL, view, SEARCHING, files if came else [])
    assert (posted.channel_id, posted.message_id) == (CHANNEL, 51)
    assert rest.calls("POST") == []


OTHERS: dict[str, Callable[[list[PostFile]], list[dict[str, Any]]]] = {
    "somebody else's, however it looks": lambda f: [message(51, author_id=77, **_with_picture(result_card(VIEW, f)))],
    "another request's": lambda f: [message(51, **_with_picture(result_card(replace(VIEW, id="f" * 16), f)))],
    # It speaks of this request, but has no picture.
    "the card that could not be edited": lambda _: [message(MESSAGE, components=_shown(progress_card(VIEW)))],
    "a card of before": lambda _: [message(51, components=_shown(progress_card(VIEW)))],
    "its failure, before a late picture": lambda _: [message(51, components=_shown(failure_card(VIEW)))],
    "its place in the gallery": lambda f: [
        message(51, **_with_picture(gallery_card(VIEW, f), f"gallery-{VIEW.id}-1-{PICTURE}"))
    ],
    "a report of it": lambda f: [message(51, **_with_picture(report_card(_report(), VIEW, f)))],
    "a report that was handled": lambda _: [
        message(51, components=_shown(report_card(_report(ReportState.DELETED), VIEW, [])))
    ],
    "nothing": lambda _: [],
}


@pytest.mark.parametrize("others", OTHERS)
async def test_another_message_is_not_taken_for_it(
    delivery: DiscordDelivery, rest: DiscordRest, files: list[PostFile], others: str
) -> None:
    rest.history = OTHERS[others](files)
    posted = await delivery.post(Rung.CHANNEL, VIEW, SEARCHING, files)
    assert posted.message_id == 7777
    assert len(rest.calls("POST")) == 1


@pytest.mark.parametrize("state", ReportState)
async def test_a_report_is_not_taken_for_a_failure(
    delivery: DiscordDelivery, rest: DiscordRest, state: ReportState
) -> None:
    rest.history = [message(51, components=_shown(report_card(_report(state), FAILED, [])))]
    posted = await delivery.post(Rung.CHANNEL, FAILED, SEARCHING, [])
    assert posted.message_id == 7777


async def test_the_channel_is_not_searched_at_the_first_try(
    delivery: DiscordDelivery, rest: DiscordRest, files: list[PostFile]
) -> None:
    rest.history = [message(51, **_with_picture(result_card(VIEW, files)))]
    await delivery.post(Rung.CHANNEL, VIEW, TARGET, files)
    assert rest.calls("GET") == []
    assert len(rest.calls("POST")) == 1


# --- what is said ---


async def test_a_paid_picture_whose_bytes_are_gone_is_not_called_free(
    delivery: DiscordDelivery, rest: DiscordRest
) -> None:
    await delivery.post(Rung.EDIT_MESSAGE, VIEW, TARGET, [])
    said = str(rest.calls("PATCH")[0].body)
    assert "8 credits" in said
    assert "Nothing was charged" not in said


async def test_a_failure_is_told_without_files(delivery: DiscordDelivery, rest: DiscordRest) -> None:
    failed = request(picture(state=PictureState.FAILED, failure_code="generation_failed"), channel_id=CHANNEL)
    await delivery.post(Rung.EDIT_MESSAGE, failed, TARGET, [])
    (sent,) = rest.calls("PATCH")
    assert "No picture this time." in str(sent.body)
    assert sent.body["attachments"] == []


async def test_upload_limits(delivery: DiscordDelivery) -> None:
    client = delivery.client
    assert client is not None
    small = discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES
    assert delivery.upload_limit_bytes(Rung.EDIT_ORIGINAL, VIEW, 123) == 123
    assert delivery.upload_limit_bytes(Rung.CHANNEL, VIEW, 123) == small
    state = client._connection
    guild = discord.Guild(data=_guild(premium_tier=3), state=state)
    state._add_guild(guild)
    assert delivery.upload_limit_bytes(Rung.CHANNEL, VIEW, 123) == 100 * 1024 * 1024
    assert delivery.upload_limit_bytes(Rung.DIRECT, VIEW, 123) == small
    in_direct_message = _delivered_in(VIEW, DM_CHANNEL_ID)
    assert delivery.upload_limit_bytes(Rung.EDIT_MESSAGE, in_direct_message, 123) == small


def _guild(**values: Any) -> Any:
    return {"id": str(GUILD), "name": "guild", "features": [], **values}


def _delivered_in(view: RequestView, channel_id: int) -> RequestView:
    return replace(view, delivered_channel_id=channel_id, delivered_message_id=MESSAGE)


# --- the void of a request that came by a message ---


async def test_a_void_is_a_reply_under_the_acknowledgements_nonce(delivery: DiscordDelivery, rest: DiscordRest) -> None:
    await delivery.say_void(MENTION)
    (sent,) = rest.calls("POST", "/messages")
    assert sent.body["nonce"] == ids.acknowledgement_nonce("00ff")
    assert sent.body["enforce_nonce"] is True
    assert sent.body["message_reference"]["message_id"] == 77
    # What the nonce gave may be the progress card of before: it is made the void's.
    (edited,) = rest.calls("PATCH")
    assert edited.path == f"/channels/{CHANNEL}/messages/7777"
    assert "Please ask again" in str(edited.body)


async def test_a_void_needs_no_right_to_reply(delivery: DiscordDelivery, rest: DiscordRest) -> None:
    rest.refuse_replies = True
    await delivery.say_void(MENTION)
    assert "message_reference" not in rest.calls("POST", "/messages")[-1].body


async def test_later_the_reply_is_looked_for_first(delivery: DiscordDelivery, rest: DiscordRest) -> None:
    reply = {"message_reference": {"message_id": "77", "channel_id": str(CHANNEL)}}
    rest.history = [
        message(52, author_id=OWNER, **reply),
        message(51, message_reference={"message_id": "78", "channel_id": str(CHANNEL)}),
        message(50, **reply),
    ]
    await delivery.say_void(replace(MENTION, search_history=True))
    assert not rest.calls("POST", "/messages")
    (edited,) = rest.calls("PATCH")
    assert edited.path == f"/channels/{CHANNEL}/messages/50"


@pytest.mark.parametrize("allowed", [True, False])
async def test_a_reply_that_is_not_found_is_given(delivery: DiscordDelivery, rest: DiscordRest, allowed: bool) -> None:
    if not allowed:
        rest.answers = [("GET", "/messages", 403, {"code": 50001, "message": "Missing Access"})]
    await delivery.say_void(replace(MENTION, search_history=True))
    assert len(rest.calls("POST", "/messages")) == 1
