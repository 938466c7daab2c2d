"""The wire plays trouble: limits, faults, slowness, outages."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from yarl import URL

from bot.sandbox.wire import WireFault, WireFaultKind
from tests.conformance.wire_client import Bare, picture


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
