"""The wire plays Discord over real sockets: what REST answers and refuses, what people do, and its books."""

from __future__ import annotations

import asyncio
import hashlib

import aiohttp
import pytest
from simcord.backend.errors import SetupError
from yarl import URL

from tests.clocks import TestClock
from tests.conformance.wire_client import Bare, identified, listening, picture
from tests.world import MIB


async def test_a_wrong_token_is_refused_by_rest_and_gateway(bare: Bare) -> None:
    assert (await bare.call("GET", "/users/@me")).body["id"] == str(bare.wire.bot_id)
    assert (await bare.call("GET", "/users/@me", token="wrong")).error == (401, 0)
    async with listening(bare) as ear:
        await ear.say(2, {"token": "wrong", "intents": 0})
        message = await ear.socket.receive()
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 4004)


async def test_json_answers_have_exactly_the_type_that_libraries_look_for(bare: Bare) -> None:
    for path in ("/users/@me", "/oauth2/applications/@me", "/applications/@me", "/gateway/bot", "/channels/1"):
        assert (await bare.call("GET", path)).headers["Content-Type"] == "application/json"
    assert (await bare.call("GET", "/gateway/bot")).body["url"] == bare.wire.gateway_url


async def test_what_is_not_modelled_is_said_loudly(bare: Bare) -> None:
    assert (await bare.call("GET", "/sounds/1/2/3/4")).status == 501
    assert (await bare.send(unheard_of=1)).status == 501


async def test_an_interaction_is_acknowledged_once_and_tells_its_message(bare: Bare, clock: TestClock) -> None:
    asked = await bare.ask()
    clock.advance(1)
    answer = await bare.respond(asked, 5, query="?with_response=true")
    assert answer.status == 200
    assert answer.body["interaction"]["response_message_id"] == str(asked.message_id)
    assert asked.acknowledged_ms is not None
    assert asked.acknowledged_ms - asked.sent_ms >= 1000
    assert asked.acknowledged_as == 5
    assert (await bare.respond(asked, 5)).error == (400, 40060)
    assert (await bare.respond(await bare.ask(), 5)).content == b""


async def test_a_late_or_unknown_acknowledgement_is_refused(bare: Bare, clock: TestClock) -> None:
    asked = await bare.ask()
    clock.advance(3)
    assert (await bare.respond(asked, 5)).error == (404, 10062)
    assert (await bare.edit_original(asked)).error == (404, 10015)
    assert asked.acknowledged_ms is None
    assert (await bare.call("POST", "/interactions/7/nothing/callback", json={"type": 5})).error == (404, 10062)


async def test_books_have_every_version_of_an_answer_with_its_files(bare: Bare, clock: TestClock) -> None:
    asked = await bare.acknowledged()
    await bare.edit_original(asked, "working")
    assert bare.wire.books.pictures() == []
    clock.advance(2)
    content = picture()
    answer = await bare.edit_original(asked, "a lake", {"lake.png": content})
    message = bare.wire.books.messages[asked.message_id or 0]
    assert [version.text for version in message.versions] == ["", "working", "a lake"]
    assert (message.edits, message.interaction_id, message.ephemeral) == (2, asked.id, False)
    (file,) = message.files
    assert (file.filename, file.size_bytes) == ("lake.png", len(content))
    assert file.sha256 == hashlib.sha256(content).hexdigest()
    assert asked.shown_ms == message.shown_ms
    assert asked.shown_ms is not None
    assert asked.shown_ms - asked.sent_ms >= 2000
    await bare.edit_original(asked, "still a lake")
    assert asked.posts == 1
    assert bare.wire.books.pictures(containing="lake") == [message]
    async with bare.http.get(URL(answer.body["attachments"][0]["url"], encoded=True)) as served:
        assert await served.read() == content


async def test_a_followup_is_recorded_with_its_interaction(bare: Bare) -> None:
    asked = await bare.ask()
    await bare.respond(asked, 4, {"content": "here it comes"})
    answer = await bare.call(
        "POST", f"/webhooks/{bare.application}/{asked.token}", {"a.png": picture()}, json={"content": "it"}
    )
    assert answer.status == 200
    assert asked.followup_ids == [int(answer.body["id"])]
    assert asked.posts == 1


@pytest.mark.parametrize("early", [False, True])
async def test_a_dead_token_answers_50027_and_the_bots_own_token_still_edits(
    bare: Bare, clock: TestClock, early: bool
) -> None:
    asked = await bare.acknowledged()
    clock.advance(899)
    assert (await bare.edit_original(asked)).status == 200
    if early:
        bare.wire.people.expire_token(asked.id)
    else:
        clock.advance(1)
    assert (await bare.edit_original(asked)).error == (401, 50027)
    assert (await bare.call("POST", f"/webhooks/1/{asked.token}", json={"content": "x"})).error == (401, 50027)
    assert (await bare.edit(asked.message_id, "by the bot's own token")).status == 200
    assert bare.wire.books.messages[asked.message_id or 0].text == "by the bot's own token"


async def test_an_ephemeral_message_is_edited_by_its_token_only(bare: Bare) -> None:
    asked = await bare.acknowledged(ephemeral=True)
    assert (await bare.edit(asked.message_id)).error == (404, 10008)
    assert (await bare.edit_original(asked, files={"a.png": picture()})).status == 200
    assert asked.shown_ms is not None
    assert bare.wire.books.messages[asked.message_id or 0].ephemeral
    history = await bare.call("GET", f"/channels/{bare.channel}/messages")
    assert history.body == []


async def test_a_message_under_a_known_nonce_is_not_made_again(bare: Bare, clock: TestClock) -> None:
    first = await bare.send(nonce="abc", enforce_nonce=True)
    again = await bare.send(nonce="abc", enforce_nonce=True, content="another")
    assert (again.status, again.body["id"], again.body["nonce"]) == (200, first.body["id"], "abc")
    assert (await bare.send(nonce="abc")).body["id"] != first.body["id"]
    assert (await bare.send(nonce="abd", enforce_nonce=True)).body["id"] != first.body["id"]
    clock.advance(181)
    assert (await bare.send(nonce="abc", enforce_nonce=True)).body["id"] != first.body["id"]
    assert (await bare.send(nonce="x" * 26)).error == (400, 50035)
    assert [record.nonce for record in bare.wire.books.messages.values()] == ["abc", "abc", "abd", "abc"]


async def test_files_over_the_limit_of_the_place_are_refused(bare: Bare) -> None:
    rules, people = bare.wire.rules, bare.wire.people
    big = {"a.png": bytes(11 * MIB)}
    assert (await bare.send(big)).error == (413, 40005)
    people.set_premium_tier(bare.guild, 2)
    assert (await bare.send(big)).status == 200
    rules.upload_bytes[bare.guild] = 100
    assert (await bare.send({"a.png": bytes(101)})).error == (413, 40005)
    assert (await bare.send({"a.png": bytes(100), "b.png": bytes(100)})).status == 200
    direct = people.direct_channel(bare.alice)
    path = f"/channels/{direct}/messages"
    assert (await bare.call("POST", path, big, json={})).error == (413, 40005)
    assert (await bare.call("POST", path, {"a.png": bytes(101)}, json={})).status == 200


async def test_an_interaction_has_a_limit_of_its_own_and_announces_it(bare: Bare) -> None:
    async with listening(bare) as ear:
        await identified(bare, ear)
        bare.wire.rules.interaction_upload_bytes = 100
        asked = await bare.acknowledged()
        assert (await ear.frame(event="INTERACTION_CREATE"))["d"]["attachment_size_limit"] == 100
        assert (await bare.edit_original(asked, files={"a.png": bytes(101)})).error == (413, 40005)
        assert (await bare.edit_original(asked, files={"a.png": bytes(100)})).status == 200
        bare.wire.rules.announced_upload_bytes = 1000
        await bare.ask()
        assert (await ear.frame(event="INTERACTION_CREATE"))["d"]["attachment_size_limit"] == 1000


async def test_what_is_gone_is_unknown(bare: Bare) -> None:
    asked, sent = await bare.acknowledged(), await bare.send()
    for message_id in (asked.message_id or 0, int(sent.body["id"])):
        bare.wire.people.delete_message(message_id)
        assert (await bare.edit(message_id)).error == (404, 10008)
        assert bare.wire.books.messages[message_id].deleted_ms is not None
    assert (await bare.edit_original(asked)).error == (404, 10008)
    bare.wire.people.delete_channel(bare.channel)
    assert (await bare.send()).error == (404, 10003)


@pytest.mark.parametrize(
    ("denied", "files", "refusal"),
    [
        ("send_messages", None, (403, 50013)),
        ("view_channel", None, (403, 50001)),
        ("attach_files", {"a.png": b"x"}, (403, 50013)),
    ],
)
async def test_rights_that_are_taken_away_are_missed(
    bare: Bare, denied: str, files: dict[str, bytes] | None, refusal: tuple[int, int]
) -> None:
    assert (await bare.send(files)).status == 200
    bare.wire.people.set_permissions(bare.channel, deny=[denied])
    assert (await bare.send(files)).error == refusal
    bare.wire.people.set_permissions(bare.channel)
    assert (await bare.send(files)).status == 200


async def test_a_bot_that_was_removed_has_no_access_and_no_way_to_the_person(bare: Bare) -> None:
    direct = bare.wire.people.direct_channel(bare.alice)
    path = f"/channels/{direct}/messages"
    async with listening(bare) as ear:
        await identified(bare, ear)
        bare.wire.people.remove_bot(bare.guild)
        gone = await ear.frame(event="GUILD_DELETE")
        assert gone["d"] == {"id": str(bare.guild)}
        assert (await bare.send()).error == (403, 50001)
        assert (await bare.call("POST", path, json={"content": "x"})).error == (403, 50278)
        with pytest.raises(ValueError, match="not in that server"):
            await bare.ask()
        bare.wire.people.add_bot(bare.guild)
        assert (await ear.frame(event="GUILD_CREATE"))["d"]["id"] == str(bare.guild)
        assert (await bare.send()).status == 200
    bare.wire.people.close_direct_messages(bare.alice)
    assert (await bare.call("POST", path, json={"content": "x"})).error == (403, 50007)


async def test_an_attachments_address_is_signed_and_expires(bare: Bare, clock: TestClock) -> None:
    async with listening(bare) as ear:
        await identified(bare, ear)

        async def attached() -> str:
            await bare.ask(image=("a b.png", picture()))
            data = (await ear.frame(event="INTERACTION_CREATE"))["d"]["data"]
            (found,) = data["resolved"]["attachments"].values()
            assert (found["filename"], found["size"]) == ("a b.png", len(picture()))
            return str(found["url"])

        async def status(url: str) -> int:
            async with bare.http.get(URL(url, encoded=True)) as response:
                return response.status

        url = await attached()
        assert url.startswith(bare.wire.cdn_url)
        assert await status(url) == 200
        assert await status(url.replace("hm=", "hm=0")) == 404
        assert await status(url.partition("?")[0]) == 404
        clock.advance(86_400)
        assert await status(url) == 404
        url = await attached()
        bare.wire.expire_urls()
        assert await status(url) == 404
        assert await status(await attached()) == 200


# ---------------------------------------------------------------------- what people do


async def test_options_are_typed_and_resolved(bare: Bare) -> None:
    bob = bare.wire.people.add_member(bare.guild, "bob", administrator=True)
    async with listening(bare) as ear:
        await identified(bare, ear)
        await bare.ask(count=2, private=True, member=bob)
        event = (await ear.frame(event="INTERACTION_CREATE"))["d"]
        given = {option["name"]: (option["type"], option["value"]) for option in event["data"]["options"]}
        assert given == {"prompt": (3, "a lake"), "count": (4, 2), "private": (5, True), "member": (6, str(bob))}
        assert event["data"]["resolved"]["users"][str(bob)]["username"] == "bob"
        assert event["data"]["resolved"]["members"][str(bob)]["permissions"]
        assert event["member"]["user"]["id"] == str(bare.alice)
        assert event["authorizing_integration_owners"] == {"0": str(bare.guild)}
        await bare.wire.slash(bob, bare.channel, "quota set", count=3)
        nested = (await ear.frame(event="INTERACTION_CREATE"))["d"]["data"]["options"]
        assert nested == [{"name": "set", "type": 1, "options": [{"name": "count", "type": 4, "value": 3}]}]


async def test_nobody_does_what_the_real_client_does_not_let_him(bare: Bare) -> None:
    for options in ({"count": 5}, {"prompt": "x" * 21}, {"unheard_of": 1}, {"image": "no file"}):
        with pytest.raises(SetupError):
            await bare.ask(**options)
    with pytest.raises(ValueError, match="not registered"):
        await bare.wire.slash(bare.alice, bare.channel, "sculpt")
    with pytest.raises(ValueError, match="permissions"):
        await bare.wire.slash(bare.alice, bare.channel, "quota set", count=1)
    stranger = bare.wire.people.add_member(bare.wire.people.add_guild("Elsewhere"), "stranger")
    with pytest.raises(ValueError, match="does not see"):
        await bare.wire.slash(stranger, bare.channel, "paint", prompt="x")
    private = await bare.ask()
    button = {"type": 1, "components": [{"type": 2, "style": 1, "label": "Go", "custom_id": "go"}]}
    await bare.respond(private, 4, {"content": "x", "flags": 64, "components": [button]})
    bob = bare.wire.people.add_member(bare.guild, "bob")
    with pytest.raises(ValueError, match="does not see"):
        await bare.wire.click(bob, private.message_id or 0, "go")
    with pytest.raises(SetupError):
        await bare.wire.click(bare.alice, private.message_id or 0, "stop")


async def test_buttons_selects_and_modals_reach_the_bot(bare: Bare) -> None:
    menu = {
        "type": 3,
        "custom_id": "size:7",
        "options": [{"label": "1K", "value": "1K"}, {"label": "2K", "value": "2K"}],
    }
    rows = [
        {"type": 1, "components": [{"type": 2, "style": 1, "label": "Again", "custom_id": "again:7"}]},
        {"type": 1, "components": [menu]},
    ]
    message = int((await bare.send(components=rows)).body["id"])
    async with listening(bare) as ear:
        await identified(bare, ear)
        clicked = await bare.wire.click(bare.alice, message, r"again:\d+")
        event = (await ear.frame(event="INTERACTION_CREATE"))["d"]
        assert (event["data"]["custom_id"], event["message"]["id"]) == ("again:7", str(message))
        field = {"type": 4, "custom_id": "prompt", "style": 1, "label": "Prompt"}
        modal = {"custom_id": "asking", "title": "Ask", "components": [{"type": 1, "components": [field]}]}
        await bare.respond(clicked, 9, modal)
        with pytest.raises(ValueError, match="no modal"):
            await bare.wire.modal_submit(bare.alice + 1, clicked.id, {"prompt": "x"})
        submitted = await bare.wire.modal_submit(bare.alice, clicked.id, {"prompt": "a sea"})
        event = (await ear.frame(event="INTERACTION_CREATE"))["d"]
        assert event["data"]["components"][0]["components"][0]["value"] == "a sea"
        assert (submitted.kind, submitted.name, event["message"]["id"]) == ("modal", "asking", str(message))
        await bare.wire.select(bare.alice, message, "size:7", ["2K"])
        event = (await ear.frame(event="INTERACTION_CREATE"))["d"]
        assert event["data"]["values"] == ["2K"]
        with pytest.raises(ValueError, match="on offer"):
            await bare.wire.select(bare.alice, message, "size:7", ["9K"])


async def test_several_people_ask_at_once(bare: Bare) -> None:
    people = [bare.wire.people.add_member(bare.guild, f"member {number}") for number in range(5)]
    asked = await asyncio.gather(*(bare.wire.slash(p, bare.channel, "paint", prompt="x") for p in people))
    answers = await asyncio.gather(*(bare.respond(one, 5) for one in asked))
    assert [answer.status for answer in answers] == [204] * 5
    assert len({one.message_id for one in asked}) == 5
