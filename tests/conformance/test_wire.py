"""The wire plays Discord over real sockets: its answers, its refusals, its gateway, its faults, its books."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import signal
import sys
from pathlib import Path
from typing import Any

import aiohttp
import discord
import pytest
from discord import app_commands
from simcord.backend.errors import SetupError
from yarl import URL

from bot.clock import SystemClock
from bot.sandbox.rivya import RivyaSandbox, Variants
from bot.sandbox.wire import WireFault, WireFaultKind, WireServer
from tests.clocks import TestClock
from tests.conformance.conftest import Point
from tests.conformance.wire_client import Bare, identified, listening, picture

MIB = 1024 * 1024


# ---------------------------------------------------------------------- REST


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


# ---------------------------------------------------------------------- gateway


async def test_the_gateway_greets_and_tells_of_servers(bare: Bare) -> None:
    bare.wire.people.set_premium_tier(bare.guild, 2)
    async with listening(bare) as ear:
        ready = await identified(bare, ear)
        assert ready["resume_gateway_url"].startswith("ws://127.0.0.1")
        assert ready["guilds"] == [{"id": str(bare.guild), "unavailable": True}]
        guild = await ear.frame(event="GUILD_CREATE")
        assert (guild["s"], guild["d"]["premium_tier"]) == (2, 2)
        assert [member["user"]["id"] for member in guild["d"]["members"]] == [str(bare.wire.bot_id)]
        bare.wire.people.set_premium_tier(bare.guild, 3)
        assert (await ear.frame(event="GUILD_UPDATE"))["d"]["premium_tier"] == 3
        await ear.say(1, 2)
        assert (await ear.frame())["op"] == 11
        await bare.send()
        await bare.ask()
        assert (await ear.frame())["t"] == "INTERACTION_CREATE", "messages are not within the intents"


async def test_a_dropped_session_resumes_and_gets_what_it_missed(bare: Bare) -> None:
    async with listening(bare) as ear:
        ready = await identified(bare, ear)
        seen = (await ear.frame(event="GUILD_CREATE"))["s"]
        await bare.wire.gateway.drop()
        assert (await ear.socket.receive()).type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
    assert not bare.wire.gateway.connected
    missed = await bare.ask()
    async with listening(bare, ready["resume_gateway_url"]) as ear:
        token = bare.wire.environment["DISCORD_TOKEN"]
        await ear.say(6, {"token": token, "session_id": ready["session_id"], "seq": seen})
        first, second = await ear.frame(), await ear.frame()
        assert (first["t"], first["s"], first["d"]["id"]) == ("INTERACTION_CREATE", seen + 1, str(missed.id))
        assert (second["t"], second["s"]) == ("RESUMED", seen + 2)
        later = await bare.ask()
        assert (await ear.frame())["d"]["id"] == str(later.id)
    assert bare.wire.gateway.resumed == 1


async def test_a_session_that_was_left_invalidated_or_never_there_is_invalid(bare: Bare) -> None:
    async with listening(bare) as ear:
        left = (await identified(bare, ear))["session_id"]
    async with listening(bare) as ear:
        invalidated = (await identified(bare, ear))["session_id"]
        bare.wire.gateway.invalidate()
        await ear.frame(op=9)
        await bare.wire.gateway.drop()
    token = bare.wire.environment["DISCORD_TOKEN"]
    for session_id, seq in ((left, 1), (invalidated, 1), ("unknown", 1)):
        async with listening(bare) as ear:
            await ear.say(6, {"token": token, "session_id": session_id, "seq": seq})
            assert await ear.frame(op=9) == {"op": 9, "d": False, "s": None, "t": None}


async def test_the_gateway_can_ask_for_a_reconnect_invalidate_close_and_shut(bare: Bare) -> None:
    gateway = bare.wire.gateway
    async with listening(bare) as ear:
        await identified(bare, ear)
        gateway.ask_to_reconnect()
        await ear.frame(op=7)
        gateway.invalidate(resumable=True)
        assert (await ear.frame(op=9))["d"] is True
        gateway.invalidate()
        assert (await ear.frame(op=9))["d"] is False
        closing = asyncio.create_task(gateway.drop(4000))
        while (message := await ear.socket.receive()).type is aiohttp.WSMsgType.TEXT:
            pass
        assert message.data == 4000
        await closing
    gateway.open = False
    with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
        async with listening(bare):
            pass


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


# ---------------------------------------------------------------------- trouble


async def test_a_429_is_one_that_libraries_believe(bare: Bare) -> None:
    bare.wire.faults.add(WireFault(kind=WireFaultKind.ERROR, route="send", status=429, delay_s=1.5))
    answer = await bare.send()
    assert (answer.status, answer.headers["Via"], answer.headers["Retry-After"]) == (429, "1.1 wire", "1.5")
    assert answer.body["retry_after"] == 1.5
    assert bare.wire.books.messages == {}
    assert (await bare.send()).status == 200


@pytest.mark.parametrize("effect", [False, True])
@pytest.mark.parametrize("kind", [WireFaultKind.ERROR, WireFaultKind.RESET, WireFaultKind.HANG])
async def test_a_fault_strikes_before_or_after_the_effect(bare: Bare, kind: WireFaultKind, effect: bool) -> None:
    bare.wire.faults.add(WireFault(kind=kind, route="send", status=502, effect=effect))
    sending = asyncio.create_task(bare.send())
    await bare.wire.until(lambda: bare.wire.books.requests[-1].fault == kind.value)
    if kind is WireFaultKind.ERROR:
        answer = await sending
        assert (answer.status, answer.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
    elif kind is WireFaultKind.RESET:
        with pytest.raises(aiohttp.ClientError):
            await sending
    else:
        (hanging,) = bare.wire.books.requests_to("send")
        assert not hanging.given_up
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await bare.wire.until(lambda: hanging.given_up)
    assert len(bare.wire.books.messages) == int(effect)
    assert bare.wire.faults.waiting == []


async def test_faults_choose_their_route_and_their_times(bare: Bare) -> None:
    faults = bare.wire.faults
    faults.add(
        WireFault(
            kind=WireFaultKind.ERROR, route="/channels/*/messages", method="POST", status=413, code=40005, after=1
        )
    )
    faults.add(WireFault(kind=WireFaultKind.ERROR, route="edit", status=403, code=50013, times=None))
    first = await bare.send()
    assert first.status == 200
    assert (await bare.call("GET", f"/channels/{bare.channel}/messages")).status == 200
    assert (await bare.send()).error == (413, 40005)
    assert (await bare.send()).status == 200
    for _ in range(3):
        assert (await bare.edit(int(first.body["id"]))).error == (403, 50013)
    faults.clear()
    assert (await bare.edit(int(first.body["id"]))).status == 200
    assert [request.code for request in bare.wire.books.requests_to("edit")] == [50013] * 3 + [None]
    with pytest.raises(ValueError, match="no such route"):
        WireFault(kind=WireFaultKind.RESET, route="sned")


async def test_a_slow_answer_comes_after_everything_else_has_happened(bare: Bare) -> None:
    bare.wire.faults.add(WireFault(kind=WireFaultKind.SLOW, route="send", delay_s=0.05, effect=True))
    sending = asyncio.create_task(bare.send())
    await bare.wire.until(lambda: bare.wire.books.messages)
    assert not sending.done()
    assert (await sending).status == 200


async def test_a_latency_passes_before_a_request_is_carried_out(bare: Bare) -> None:
    bare.wire.rules.latency_s = 0.05
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    sending = asyncio.create_task(bare.send())
    await bare.wire.until(lambda: bare.wire.books.requests_to("send"))
    assert bare.wire.books.messages == {}, "it has arrived, and waits"
    assert (await sending).status == 200
    assert loop.time() - begun_s >= bare.wire.rules.latency_s
    assert len(bare.wire.books.messages) == 1


async def test_attachments_can_fail_too(bare: Bare) -> None:
    bare.wire.faults.add(WireFault(kind=WireFaultKind.ERROR, route="attachment", status=503))
    url = (await bare.send({"a.png": picture()})).body["attachments"][0]["url"]
    for status in (503, 200):
        async with bare.http.get(URL(url, encoded=True)) as response:
            assert response.status == status


async def test_an_upload_that_breaks_off_has_no_effect(bare: Bare) -> None:
    url = URL(bare.wire.api_url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(
        f"POST {url.path}/channels/{bare.channel}/messages HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bot {bare.wire.environment['DISCORD_TOKEN']}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="payload_json"\r\n\r\n{"content": "x"}\r\n'
        '--b\r\nContent-Disposition: form-data; name="files[0]"; filename="a.png"\r\n\r\nhalf of it'.encode()
    )
    await bare.wire.until(lambda: bare.wire.books.requests_to("send"))
    writer.transport.abort()
    assert await reader.read() == b""
    await bare.wire.until(lambda: bare.wire.books.requests_to("send")[0].status == 400)
    assert bare.wire.books.messages == {}


async def test_an_outage_forgets_nothing(bare: Bare) -> None:
    sent = int((await bare.send()).body["id"])
    url = bare.wire.api_url
    await bare.wire.stop()
    with pytest.raises(aiohttp.ClientError):
        await bare.send()
    await bare.wire.start()
    assert bare.wire.api_url == url
    assert (await bare.edit(sent)).status == 200


async def test_everything_is_at_hand_over_http(bare: Bare, http: aiohttp.ClientSession) -> None:
    origin = bare.wire.api_url.removesuffix("/api/v10")

    async def post(path: str, **body: Any) -> Any:
        async with http.post(f"{origin}/wire/{path}", json=body) as response:
            return response.status, await response.json()

    guild = (await post("add_guild", name="Other"))[1]["id"]
    channel = (await post("add_channel", guild_id=guild))[1]["id"]
    bob = (await post("add_member", guild_id=guild, name="bob"))[1]["id"]
    image = {"filename": "a.png", "base64": "iVBORw0KGgo="}
    options = {"prompt": "x", "image": image}
    status, asked = await post("slash", user_id=bob, channel_id=channel, command="paint", options=options)
    assert status == 200, asked
    known = bare.wire.books.interactions[asked["id"]]
    assert (known.user_id, known.sent_ms) == (bob, asked["sent_ms"])
    await bare.respond(known, 5)
    await post("expire_token", interaction_id=known.id)
    assert (await bare.edit_original(known)).error == (401, 50027)
    await post("set_permissions", channel_id=channel, deny=["send_messages"])
    assert (await bare.call("POST", f"/channels/{channel}/messages", json={"content": "x"})).error == (403, 50013)
    await post("delete_message", message_id=known.message_id)
    await post("faults", kind="error", route="history", status=500, times=2)
    assert [fault.route for fault in bare.wire.faults.waiting] == ["history"]
    await post("rules", nonce_window_s=1)
    assert bare.wire.rules.nonce_window_s == 1
    assert (await post("gateway", action="shut"))[1] == {
        "connected": False,
        "open": False,
        "identified": 0,
        "resumed": 0,
    }
    for path, body in (
        ("slash", {"user_id": bob, "channel_id": channel, "command": "sculpt"}),
        ("slash", {"user_id": bob}),
        ("faults", {"kind": "error", "rout": "send"}),
        ("rules", {"nonce": 1}),
        ("gateway", {"action": "jump"}),
        ("delete_message", {"message_id": 1}),
    ):
        status, answer = await post(path, **body)
        assert status == 400
        assert answer["error"]
    async with http.get(f"{origin}/wire/books") as response:
        books = await response.json()
    (interaction,) = books["interactions"]
    assert (interaction["id"], interaction["acknowledged_as"]) == (str(known.id), 5)
    assert books["messages"][0]["deleted_ms"] is not None


# ---------------------------------------------------------------------- real clients


class Painter(discord.Client):
    """A small bot: paints at once, and again at the press of a button."""

    def __init__(self) -> None:
        super().__init__(intents=discord.Intents(guilds=True))
        self.tree = app_commands.CommandTree(self)
        self.seen: list[Any] = []

        @self.tree.command()
        async def paint(interaction: discord.Interaction, prompt: str, image: discord.Attachment) -> None:
            """Paint."""
            response = await interaction.response.defer(thinking=True)
            self.seen += [response.message_id if response else None, interaction.filesize_limit, await image.read()]
            view = discord.ui.View()
            view.add_item(discord.ui.Button(label="Again", custom_id="again"))
            file = discord.File(io.BytesIO(picture()), "painted.png", description=prompt)
            await interaction.edit_original_response(content=prompt, attachments=[file], view=view)

    async def setup_hook(self) -> None:
        await self.tree.sync()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Don't wait five seconds before a second identify, as a client of many shards has to."""

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        if interaction.type is discord.InteractionType.component:
            await interaction.response.send_message("again")
            for _ in range(2):
                await interaction.channel.send("once", nonce="n")  # type: ignore[union-attr]


async def test_discord_py_talks_to_it_unpatched(pointed: Point) -> None:
    async with WireServer(clock=SystemClock()) as wire, Painter() as client:
        pointed(wire)
        guild = wire.people.add_guild(premium_tier=3)
        channel, alice = wire.people.add_channel(guild), wire.people.add_member(guild, "alice")
        running = asyncio.create_task(client.start(wire.environment["DISCORD_TOKEN"]))
        try:
            await wire.until(lambda: wire.ready)
            asked = await wire.slash(alice, channel, "paint", prompt="a lake", image=("in.png", picture("red")))
            await wire.until(lambda: asked.shown_ms)
            assert client.seen == [asked.message_id, 100 * MIB, picture("red")]
            (message,) = wire.books.pictures(containing="a lake")
            assert (message.files[0].filename, message.files[0].description) == ("painted.png", "a lake")
            await wire.gateway.drop()
            await wire.until(lambda: wire.gateway.resumed)
            wire.faults.add(WireFault(kind=WireFaultKind.ERROR, route="send", status=429, delay_s=0.01))
            pressed = await wire.click(alice, asked.message_id or 0, "again")
            await wire.until(lambda: len(wire.books.requests_to("send")) == 3)
            assert pressed.acknowledged_as == 4
            assert [request.status for request in wire.books.requests_to("send")] == [429, 200, 200]
            assert [message.text for message in wire.books.messages.values()].count("once") == 1
            wire.gateway.invalidate()
            await wire.until(lambda: wire.gateway.identified == 2)
            assert client.guilds[0].filesize_limit == 100 * MIB
        finally:
            await client.close()
            await asyncio.gather(running, return_exceptions=True)


async def test_the_bot_as_its_own_process_paints_survives_a_drop_and_stops_well(tmp_path: Path) -> None:
    clock = SystemClock()
    variants = Variants(quick_pictures=True, task_s=(0.1, 0.2))
    async with WireServer(clock=clock) as wire, RivyaSandbox(clock=clock, variants=variants) as rivya:
        guild = wire.people.add_guild()
        channel, alice = wire.people.add_channel(guild), wire.people.add_member(guild, "alice")
        environment = {
            **os.environ,
            **wire.environment,
            "RIVYA_API_KEY": rivya.api_key,
            "RIVYA_BASE_URL": rivya.url,
            "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path / 'bot.db'}",
            "DATA_DIR": str(tmp_path),
            "DISK_RESERVE_BYTES": "0",
            "LOG_FORMAT": "json",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "--env-file", str(tmp_path / "no.env"), "run"), env=environment, cwd=tmp_path
        )
        try:
            # Starting takes seconds of a loaded machine.
            await wire.until(lambda: wire.ready, timeout_s=120)
            asked = await wire.slash(alice, channel, "imagine", prompt="a lighthouse", image_1=("in.png", picture()))
            await wire.until(lambda: asked.acknowledged_ms)
            await wire.gateway.drop()
            await wire.until(lambda: wire.gateway.resumed)
            await wire.until(lambda: asked.shown_ms, timeout_s=60)
            (message,) = wire.books.pictures(containing="a lighthouse")
            assert (message.id, asked.posts, len(message.files)) == (asked.message_id, 1, 1)
            assert len(rivya.books.tasks) == 1
            assert rivya.books.total_charged == 8
            second = await wire.slash(alice, channel, "imagine", prompt="a second one")
            await wire.until(lambda: second.acknowledged_ms)
        finally:
            process.send_signal(signal.SIGTERM)
            code = await asyncio.wait_for(process.wait(), 60)
        assert code == 0
