"""The wire plays what members do at messages: menus, words and files, replies, reading, deleting."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from simcord.backend.errors import BackendError

from tests.clocks import TestClock
from tests.conformance.wire_client import (
    COMPONENTS_V2,
    CONTENT_INTENT,
    GALLERY,
    GUILDS_INTENT,
    MENU,
    MESSAGE_INTENTS,
    PAINT,
    PERSON_MENU,
    Bare,
    check_shape,
    chosen,
    heard,
    identified,
    listening,
    picture,
    status_of,
)

# ---------------------------------------------------------------------- context menus


async def test_a_menu_gives_the_whole_message_with_addresses_that_live(bare: Bare) -> None:
    await bare.register(PAINT, MENU)
    async with listening(bare) as ear:
        await identified(bare, ear)
        said = await bare.wire.say(
            bare.alice,
            bare.channel,
            "look",
            files=[("cat.png", picture()), ("notes.pdf", b"%PDF")],
            embeds=[{"title": "a dog", "image": ("dog.png", picture("red"))}],
        )
        bare.wire.expire_urls()
        message = await chosen(bare, ear, said)
        assert (message["content"], message["author"]["id"]) == ("look", str(bare.alice))
        first, second = message["attachments"]
        assert (first["content_type"], first["width"], first["height"]) == ("image/png", 8, 6)
        assert (second["content_type"], "width" in second) == ("application/pdf", False)
        image = message["embeds"][0]["image"]
        for url in (first["url"], second["url"], image["proxy_url"]):
            assert await status_of(bare, url) == 200
        check_shape(message)
        bare.wire.people.delete_message(said)
        assert await status_of(bare, first["url"]) == 404
        with pytest.raises(BackendError, match="Unknown Message"):
            await bare.wire.message_menu(bare.alice, said, MENU["name"])


async def test_a_menu_on_a_forward_has_the_pictures_in_its_snapshot(bare: Bare) -> None:
    await bare.register(MENU)
    async with listening(bare) as ear:
        await identified(bare, ear)
        said = await bare.wire.say(bare.alice, bare.channel, files=[("cat.png", picture())])
        forwarded = await bare.wire.say(bare.alice, bare.channel, forward=said)
        bare.wire.people.delete_message(said)
        message = await chosen(bare, ear, forwarded)
        assert (message["attachments"], message["message_reference"]["type"]) == ([], 1)
        (snapshot,) = message["message_snapshots"]
        (attachment,) = snapshot["message"]["attachments"]
        assert await status_of(bare, attachment["url"]) == 200
        check_shape(message)
        with pytest.raises(ValueError, match="forward"):
            await bare.wire.say(bare.alice, bare.channel, forward=forwarded)


async def test_a_menu_on_a_result_has_its_gallery_and_buttons(bare: Bare) -> None:
    await bare.register(PAINT, MENU)
    async with listening(bare) as ear:
        await identified(bare, ear)
        asked = await bare.acknowledged()
        path = f"/webhooks/{bare.application}/{asked.token}/messages/@original"
        body = {"flags": COMPONENTS_V2, "components": GALLERY}
        assert (await bare.call("PATCH", path, {"a.png": picture()}, json=body)).status == 200
        message = await chosen(bare, ear, asked.message_id or 0)
        gallery, _text, row = message["components"][0]["components"]
        assert gallery["items"][0]["description"] == "A lake."
        assert await status_of(bare, gallery["items"][0]["media"]["url"]) == 200
        assert row["components"][0]["custom_id"] == "again:1"
        assert message["interaction_metadata"]["authorizing_integration_owners"] == {"0": str(bare.guild)}


async def test_another_bots_gallery_is_there_too_and_people_post_none(bare: Bare) -> None:
    await bare.register(MENU)
    other = bare.wire.people.add_member(bare.guild, "other bot", bot=True)
    async with listening(bare) as ear:
        await identified(bare, ear)
        said = await bare.wire.say(other, bare.channel, files=[("a.png", picture())], components=GALLERY)
        message = await chosen(bare, ear, said)
        url = message["components"][0]["components"][0]["items"][0]["media"]["url"]
        assert await status_of(bare, url) == 200
        assert (message["author"]["bot"], message["flags"]) == (True, COMPONENTS_V2)
    with pytest.raises(ValueError, match="only bots"):
        await bare.wire.say(bare.alice, bare.channel, files=[("a.png", picture())], components=GALLERY)


async def test_a_menu_on_a_person(bare: Bare) -> None:
    await bare.register(PERSON_MENU)
    bob = bare.wire.people.add_member(bare.guild, "bob")
    async with listening(bare) as ear:
        await identified(bare, ear)
        used = await bare.wire.people.user_menu(bare.alice, bare.channel, bob, PERSON_MENU["name"])
        data = (await heard(ear))["data"]
        assert (data["type"], data["target_id"], used.kind) == (2, str(bob), "command")
        assert data["resolved"]["users"][str(bob)]["username"] == "bob"
        assert str(bob) in data["resolved"]["members"]


async def test_menus_are_for_those_who_see_them(bare: Bare) -> None:
    await bare.register(PAINT, {**MENU, "default_member_permissions": str(1 << 13)})
    said = await bare.wire.say(bare.alice, bare.channel, "look")
    with pytest.raises(ValueError, match="permissions"):
        await bare.wire.message_menu(bare.alice, said, MENU["name"])
    await bare.register(PAINT)
    with pytest.raises(ValueError, match="not registered"):
        await bare.wire.message_menu(bare.alice, said, MENU["name"])
    private = await bare.ask()
    await bare.respond(private, 4, {"content": "x", "flags": 64})
    bob = bare.wire.people.add_member(bare.guild, "bob")
    with pytest.raises(ValueError, match="does not see"):
        await bare.wire.message_menu(bob, private.message_id or 0, MENU["name"])


# ---------------------------------------------------------------------- messages


async def test_others_messages_are_stripped_but_for_mentions_and_the_bots_own(bare: Bare) -> None:
    me, bob = bare.wire.bot_id, bare.wire.people.add_member(bare.guild, "bob")
    embeds = [{"title": "a dog"}]
    async with listening(bare) as ear:
        await identified(bare, ear, MESSAGE_INTENTS)
        cat = await bare.wire.say(bob, bare.channel, "cat", files=[("cat.png", picture())], embeds=embeds)
        stripped = await heard(ear, "MESSAGE_CREATE")
        assert (stripped["content"], stripped["attachments"], stripped["embeds"]) == ("", [], [])
        assert stripped["member"]["joined_at"]
        mention = f"<@{me}> like this"
        await bare.wire.say(bare.alice, bare.channel, mention, files=[("dog.png", picture())], reply_to=cat)
        whole = await heard(ear, "MESSAGE_CREATE")
        assert (whole["content"], len(whole["attachments"])) == (mention, 1)
        assert [user["id"] for user in whole["mentions"]] == [str(me), str(bob)]
        assert all(user["member"]["joined_at"] for user in whole["mentions"])
        answered = whole["referenced_message"]
        assert (answered["id"], answered["content"], answered["attachments"]) == (str(cat), "", [])
        check_shape({**whole, "mentions": []})
        await bare.wire.say(bare.alice, bare.channel, f"<@{bare.alice}> look", reply_to=cat, ping=False)
        other = await heard(ear, "MESSAGE_CREATE")
        assert (other["content"], [user["id"] for user in other["mentions"]]) == ("", [str(bare.alice)])
        read = (await bare.call("GET", f"/channels/{bare.channel}/messages/{cat}")).body
        assert (read["content"], read["attachments"]) == ("", [])
        page = (await bare.call("GET", f"/channels/{bare.channel}/messages")).body
        assert [message["content"] for message in page] == ["", mention, ""]


async def test_the_gateway_may_leave_out_what_a_reply_answers(bare: Bare) -> None:
    async with listening(bare) as ear:
        await identified(bare, ear, MESSAGE_INTENTS)
        cat = await bare.wire.say(bare.alice, bare.channel, "cat")
        await heard(ear, "MESSAGE_CREATE")
        bare.wire.rules.resolve_replies = False
        reply = await bare.wire.say(bare.alice, bare.channel, "this one", reply_to=cat)
        told = await heard(ear, "MESSAGE_CREATE")
        assert told["message_reference"]["message_id"] == str(cat)
        assert "referenced_message" not in told
        read = (await bare.call("GET", f"/channels/{bare.channel}/messages/{reply}")).body
        assert read["referenced_message"]["id"] == str(cat)


async def test_a_reply_pings_the_bot_without_a_mention_in_its_words(bare: Bare) -> None:
    me = str(bare.wire.bot_id)
    async with listening(bare) as ear:
        await identified(bare, ear, MESSAGE_INTENTS)
        asked = await bare.acknowledged()
        await bare.edit_original(asked, "a lake", {"a.png": picture()})
        await bare.wire.say(bare.alice, bare.channel, "nice", reply_to=asked.message_id)
        while (said := await heard(ear, "MESSAGE_CREATE"))["author"]["id"] == me:
            pass
        assert ([user["id"] for user in said["mentions"]], said["content"]) == ([me], "")
        whole = said["referenced_message"]
        assert (whole["content"], len(whole["attachments"])) == ("a lake", 1)
        bare.wire.people.delete_message(asked.message_id or 0)
        lost = (await bare.call("GET", f"/channels/{bare.channel}/messages/{said['id']}")).body
        assert lost["referenced_message"] is None


async def test_the_intent_must_be_granted_and_shows_everything(bare: Bare) -> None:
    async with listening(bare) as ear:
        token = bare.wire.environment["DISCORD_TOKEN"]
        await ear.say(2, {"token": token, "intents": MESSAGE_INTENTS | CONTENT_INTENT})
        closed = await ear.socket.receive()
        assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, 4014)
    bare.wire.rules.message_content = True
    assert (await bare.call("GET", "/oauth2/applications/@me")).body["flags"] == 1 << 19
    async with listening(bare) as ear:
        ready = await identified(bare, ear, MESSAGE_INTENTS | CONTENT_INTENT)
        assert ready["application"]["flags"] == 1 << 19
        cat = await bare.wire.say(bare.alice, bare.channel, "cat", files=[("cat.png", picture())])
        said = await heard(ear, "MESSAGE_CREATE")
        assert (said["content"], len(said["attachments"])) == ("cat", 1)
        read = (await bare.call("GET", f"/channels/{bare.channel}/messages/{cat}")).body
        assert len(read["attachments"]) == 1


async def test_direct_messages_are_whole_and_what_the_bot_may_not_see_is_not_told(bare: Bare) -> None:
    people = bare.wire.people
    bob = people.add_member(bare.guild, "bob")
    hidden = people.add_channel(bare.guild, "hidden")
    people.set_permissions(hidden, deny=["view_channel"])
    async with listening(bare) as ear:
        await identified(bare, ear, MESSAGE_INTENTS)
        await bare.wire.say(bare.alice, hidden, f"<@{bare.wire.bot_id}> psst")
        await bare.wire.say(bare.alice, people.private_channel([bare.alice, bob]), "between us")
        direct = people.direct_channel(bare.alice)
        await bare.wire.say(bare.alice, direct, "a lake", files=[("a.png", picture())])
        said = await heard(ear, "MESSAGE_CREATE")
        assert (said["content"], len(said["attachments"]), said["channel_id"]) == ("a lake", 1, str(direct))
        assert "guild_id" not in said
    async with listening(bare) as ear:
        await identified(bare, ear, GUILDS_INTENT)
        await bare.wire.say(bare.alice, direct, "nobody listens")
        await bare.ask()
        await ear.frame(event="GUILD_CREATE")
        assert (await ear.frame())["t"] == "INTERACTION_CREATE"


async def test_nobody_writes_what_the_real_client_does_not_let_him(bare: Bare) -> None:
    say, people = bare.wire.say, bare.wire.people
    bob = people.add_member(bare.guild, "bob")
    with pytest.raises(ValueError, match="10 files"):
        await say(bob, bare.channel, files=[("a.png", b"x")] * 11)
    with pytest.raises(BackendError):
        await say(bob, bare.channel, "x" * 2001)
    with pytest.raises(ValueError, match="does not see"):
        await say(bob, people.direct_channel(bare.alice), "x")
    people.set_permissions(bare.channel, deny=["attach_files"], user_id=bob)
    with pytest.raises(BackendError):
        await say(bob, bare.channel, files=[("a.png", b"x")])
    assert await say(bob, bare.channel, "words")


# ---------------------------------------------------------------------- reading and deleting


async def test_history_comes_in_pages(bare: Bare) -> None:
    sent = [int((await bare.send(content=str(number))).body["id"]) for number in range(7)]
    path = f"/channels/{bare.channel}/messages"

    async def page(**params: Any) -> list[int]:
        return [int(message["id"]) for message in (await bare.call("GET", path, params=params)).body]

    assert await page(limit=3) == sent[:3:-1]
    assert await page(limit=3, before=sent[4]) == sent[3:0:-1]
    assert await page(limit=3, after=sent[1]) == [sent[4], sent[3], sent[2]]
    assert await page(limit=3, around=sent[3]) == [sent[4], sent[3], sent[2]]
    for limit in (0, 101):
        assert (await bare.call("GET", path, params={"limit": limit})).error == (400, 50035)


async def test_addresses_are_signed_anew_when_a_message_is_read(bare: Bare, clock: TestClock) -> None:
    sent = (await bare.send({"a.png": picture()})).body
    clock.advance(86_400)
    assert await status_of(bare, sent["attachments"][0]["url"]) == 404
    read = (await bare.call("GET", f"/channels/{bare.channel}/messages/{sent['id']}")).body
    assert await status_of(bare, read["attachments"][0]["url"]) == 200


async def test_the_bot_deletes_its_own_messages_and_bulks(bare: Bare) -> None:
    people, books = bare.wire.people, bare.wire.books
    thread = people.add_thread(bare.alice, bare.channel)
    paths = f"/channels/{thread}/messages"
    sent = [int((await bare.call("POST", paths, json={"content": "x"})).body["id"]) for _ in range(3)]
    assert (await bare.call("DELETE", f"{paths}/{sent[0]}")).status == 204
    assert (await bare.call("DELETE", f"{paths}/{sent[0]}")).error == (404, 10008)
    said = await bare.wire.say(bare.alice, thread, "mine")
    bulk = {"messages": [str(sent[1]), str(said)]}
    assert (await bare.call("POST", f"{paths}/bulk-delete", json=bulk)).status == 204
    assert books.messages[said].deleted_ms is not None
    people.delete_channel(bare.channel)
    assert books.messages[sent[2]].deleted_ms is not None
    assert (await bare.call("GET", f"/channels/{thread}")).error == (404, 10003)
    assert [request.status for request in books.requests_to("delete")] == [204, 404]


async def test_ephemeral_answers_are_pressed_changed_and_deleted_by_their_token(bare: Bare) -> None:
    asked = await bare.acknowledged(ephemeral=True)
    row = {"type": 1, "components": [{"type": 2, "style": 1, "label": "Go", "custom_id": "go"}]}
    path = f"/webhooks/{bare.application}/{asked.token}/messages/@original"
    await bare.call("PATCH", path, json={"content": "sure?", "components": [row]})
    pressed = await bare.wire.click(bare.alice, asked.message_id or 0, "go")
    assert (await bare.respond(pressed, 7, {"content": "done", "components": []})).status == 204
    assert bare.wire.books.messages[asked.message_id or 0].text == "done"
    assert (await bare.call("DELETE", path)).status == 204
    assert bare.wire.books.messages[asked.message_id or 0].deleted_ms is not None
    assert bare.wire.books.requests[-1].route == "delete_original"


async def test_what_admins_set_for_commands_is_read_and_told(bare: Bare) -> None:
    (paint,) = await bare.register(PAINT)
    path = f"/applications/{bare.application}/guilds/{bare.guild}/commands/permissions"
    assert (await bare.call("GET", path)).body == []
    async with listening(bare) as ear:
        await identified(bare, ear, 0)  # no intent is needed for it
        bare.wire.people.set_command_permissions(bare.guild, "paint", people={bare.alice: False})
        told = await ear.frame(event="APPLICATION_COMMAND_PERMISSIONS_UPDATE")
        bare.wire.people.set_command_permissions(bare.guild, channels={bare.guild - 1: True})
    of_command = {
        "id": paint["id"],
        "application_id": str(bare.application),
        "guild_id": str(bare.guild),
        "permissions": [{"id": str(bare.alice), "type": 2, "permission": False}],
    }
    assert told["d"] == of_command
    every = {"id": str(bare.guild - 1), "type": 3, "permission": True}
    of_app = {**of_command, "id": str(bare.application), "permissions": [every]}
    assert (await bare.call("GET", path)).body == [of_command, of_app]
    with pytest.raises(ValueError, match="override-denied"):
        await bare.wire.slash(bare.alice, bare.channel, "paint", prompt="a lake", image=("a.png", picture()))
    other = bare.wire.people.add_guild("Elsewhere", bot=False)
    refused = await bare.call("GET", path.replace(str(bare.guild), str(other)))
    assert refused.error == (403, 50001)
