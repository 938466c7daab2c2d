"""/imagine as a member uses it: from the options to the request body, the card and the books."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.cogs.conftest import DiscordWorld, gif, labels_of, pictures_of, png, text_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_prompt_becomes_a_picture(discord_world: DiscordWorld) -> None:
    world = discord_world
    asked = await world.imagine("a red panda in a raincoat")
    assert asked.deferred
    assert not asked.ephemeral
    await world.idle()

    (message,) = world.messages()
    assert message.id == asked.response.id
    assert "a red panda in a raincoat" in text_of(message)
    assert "8 credits · 152 left" in text_of(message)
    (shown,) = pictures_of(message)
    assert shown["description"] == "a red panda in a raincoat"
    (attached,) = message.attachments
    assert attached.description == "a red panda in a raincoat"
    (task,) = world.tasks("a red panda in a raincoat")
    assert task.model == "nano-banana-pro"
    await world.check_books(charged=8)


async def test_every_option_arrives_in_the_request(discord_world: DiscordWorld) -> None:
    world = discord_world
    colours = [(30 * number, 40, 90) for number in range(1, 9)]
    images = {
        f"image_{number}": (f"part {number}.png", png(colour=colour)) for number, colour in enumerate(colours, start=1)
    }
    await world.imagine(
        "all of them", aspect_ratio="21:9", resolution="2K", output_format="jpg", model="nano-banana-pro", **images
    )
    await world.idle()
    (task,) = world.tasks("all of them")
    body = json.loads(task.body_bytes)
    references = body["params"].pop("referenceMediaItems")
    assert body == {
        "model": "nano-banana-pro",
        "prompt": "all of them",
        "params": {"aspect_ratio": "21:9", "resolution": "2K", "output_format": "jpg"},
        "client_request_id": body["client_request_id"],
    }
    assert [item["name"] for item in references] == [f"part {number}.png" for number in range(1, 9)]
    uploads = {upload.url: upload for upload in world.rivya.books.uploads}
    assert [uploads[item["url"]].name for item in references] == [f"part {number}.png" for number in range(1, 9)]
    assert {uploads[item["url"]].model for item in references} == {"nano-banana-pro"}
    (message,) = world.messages()
    assert "image 1: part 1.png" in text_of(message)
    assert "21:9 · 2K · jpg · 8 references" in text_of(message)
    assert message.attachments[0].filename.endswith(".jpg")


async def test_references_keep_their_order_where_numbers_are_left_out(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.imagine("two of eight", image_7=("last.png", png()), image_2=("first.png", png(colour=(1, 2, 3))))
    await world.idle()
    (task,) = world.tasks("two of eight")
    assert [item["name"] for item in task.params["referenceMediaItems"]] == ["first.png", "last.png"]


@pytest.mark.parametrize(
    ("model", "params", "cost"),
    [
        ("nano-banana", {"imageSize": "16:9", "output_format": "jpeg"}, 3),
        ("nano-banana-2", {"aspect_ratio": "16:9", "resolution": "1K", "output_format": "jpg"}, 5),
    ],
)
async def test_other_models_get_their_own_parameters(
    discord_world: DiscordWorld, model: str, params: dict[str, str], cost: int
) -> None:
    world = discord_world
    await world.imagine(f"by {model}", model=model, aspect_ratio="16:9", output_format="jpg")
    await world.idle()
    (task,) = world.tasks(f"by {model}")
    assert (task.model, task.params) == (model, params)
    await world.check_books(charged=cost)


async def test_four_pictures_are_one_message(discord_world: DiscordWorld) -> None:
    world = discord_world
    asked = await world.imagine("four of them", count=4)
    await world.click(world.alice, asked.response, "Paint all 4 · 32 credits")
    await world.idle()
    (message,) = world.messages()
    assert [item["description"] for item in pictures_of(message)] == [
        f"Picture {number} of 4: four of them" for number in range(1, 5)
    ]
    assert "32 credits · 128 left" in text_of(message)
    await world.check_books(charged=32)


# --- the prompt as a file ---


async def test_a_prompt_file_is_read_whole(discord_world: DiscordWorld) -> None:
    world = discord_world
    long = "cat " * 2499 + "end"
    assert len(long) == 9999
    await world.imagine(None, prompt_file=("prompt.txt", b"\xef\xbb\xbf" + long.encode()))
    await world.idle()
    (task,) = world.tasks(long)
    (message,) = world.messages()
    assert task.prompt == long
    assert "cat cat" in text_of(message)


async def test_prompt_and_prompt_file_are_joined(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.imagine("In oil.", prompt_file=("PROMPT.TXT", "Ein Bär\r\nim Wald\n".encode()))
    await world.idle()
    assert len(world.tasks("In oil.\n\nEin Bär\r\nim Wald")) == 1


@pytest.mark.parametrize(
    ("filename", "content", "words"),
    [
        ("prompt.txt", "Bär".encode("latin-1"), "prompt.txt is not plain text in UTF-8."),
        ("prompt.txt", "Bär".encode("utf-16"), "prompt.txt is not plain text in UTF-8."),
        ("prompt.txt", b"x" * 80_001, "prompt.txt is longer than any model's prompt may be."),
        ("prompt.txt", b"x" * 10_001, "The prompt has 10,001 characters. Nano Banana Pro takes at most 10,000."),
        ("prompt.txt", b" \n ", "The prompt is empty. Say what to paint."),
        ("prompt.md", b"a cat", "prompt.md is not a .txt file."),
    ],
)
async def test_a_prompt_file_that_can_not_be_used(
    discord_world: DiscordWorld, filename: str, content: bytes, words: str
) -> None:
    await _refused(discord_world, words, prompt=None, prompt_file=(filename, content))


# --- refusals: told privately, nothing spent ---


async def _refused(world: DiscordWorld, *words: str, **options: Any) -> Any:
    before = len(world.rivya.books.tasks)
    answer = await world.imagine(options.pop("prompt", "a red panda"), **options)
    await world.idle()
    assert answer.response is not None
    assert answer.response.ephemeral
    said = text_of(answer.response).replace("\\", "")
    for part in words:
        assert part in said
    assert "Nothing was charged." in said
    assert world.messages() == []
    assert len(world.rivya.books.tasks) == before
    await world.check_books(charged=0)
    return answer


@pytest.mark.parametrize("prompt", [None, "   ", "\u2003\u3000"])
async def test_nothing_to_paint(discord_world: DiscordWorld, prompt: str | None) -> None:
    await _refused(discord_world, "The prompt is empty.", "Say what to paint.", prompt=prompt)


async def test_an_image_that_is_too_large_is_refused_at_once(discord_world: DiscordWorld) -> None:
    await _refused(
        discord_world,
        "huge.png is 31 MB; Nano Banana Pro takes at most 30 MB each.",
        image_1=("huge.png", bytes(31_000_000)),
    )


@pytest.mark.parametrize(
    ("filename", "content", "reason"),
    [
        ("plan.png", b"%PDF-1.7 and so on", "plan.png"),
        ("anim.png", gif(), "anim.png"),
        ("empty.png", b"", "empty.png"),
    ],
)
async def test_a_reference_that_is_no_picture_gives_the_credits_back(
    discord_world: DiscordWorld, filename: str, content: bytes, reason: str
) -> None:
    world = discord_world
    prompt = f"with {filename}"
    await world.imagine(prompt, image_1=("fine.png", png()), image_2=(filename, content))
    await world.idle()
    (message,) = world.messages()
    assert reason in text_of(message)
    assert "Nothing was charged; your 8 credits are back." in text_of(message)
    assert world.tasks(prompt) == []
    await world.check_books(charged=0)
    # One press goes without it: what can never be an image is not asked for again.
    assert labels_of(message) == ["Change the prompt", f"Go without {filename} · 8 credits"]
    await world.click(world.alice, message, f"Go without {filename} · 8 credits")
    await world.idle()
    (task,) = world.tasks(prompt)
    assert len(task.reference_ids) == 1
    await world.check_books(charged=8)


async def test_what_discord_calls_no_image_is_refused_at_once(discord_world: DiscordWorld) -> None:
    refusal = await _refused(
        discord_world,
        "plan.pdf is a PDF. JPEG, PNG and WebP images work.",
        prompt="by the plan",
        image_1=("plan.pdf", b"%PDF-1.7 and so on"),
    )
    assert labels_of(refusal.response) == ["Go without plan.pdf · 8 credits"]


async def test_an_option_that_the_model_lacks_is_left_out_in_one_press(discord_world: DiscordWorld) -> None:
    world = discord_world
    refusal = await _refused(
        world,
        "Nano Banana has no resolution to choose.",
        prompt="small and cheap",
        model="nano-banana",
        resolution="4K",
        aspect_ratio="16:9",
    )
    pressed = await world.click(world.alice, refusal.response, "Use the usual resolution · 3 credits")
    assert not pressed.ephemeral
    await world.idle()
    (task,) = world.tasks("small and cheap")
    assert task.params == {"imageSize": "16:9", "output_format": "png"}
    (message,) = world.messages()
    assert "small and cheap" in text_of(message)
    await world.check_books(charged=3)


async def test_an_aspect_ratio_that_the_model_lacks_names_what_it_takes(discord_world: DiscordWorld) -> None:
    refusal = await _refused(discord_world, "has no aspect ratio 8:1. It takes 1:1, 2:3", aspect_ratio="8:1")
    assert labels_of(refusal.response) == ["Use the usual aspect ratio · 8 credits"]


async def test_a_missing_permission_is_found_before_anything_is_spent(discord_world: DiscordWorld) -> None:
    world = discord_world
    world.channel = world.channel_without("attach_files")
    await _refused(world, "I can't post pictures in this channel.", "I lack Attach Files.")


async def test_a_private_picture_needs_no_permission_in_the_channel(discord_world: DiscordWorld) -> None:
    world = discord_world
    world.channel = world.channel_without("attach_files")
    asked = await world.imagine("only for me", private=True)
    await world.idle()
    assert len(pictures_of(asked.response)) == 1


# --- private, notify ---


async def test_a_private_picture_is_never_in_the_channel(discord_world: DiscordWorld) -> None:
    world = discord_world
    asked = await world.imagine("only for me", private=True)
    assert asked.ephemeral
    await world.idle()
    assert "only for me" in text_of(asked.response)
    assert len(pictures_of(asked.response)) == 1
    assert world.messages() == []
    assert world.requests("POST", f"/channels/{world.channel.id}/messages") == []
    edits = [entry.path for entry in world.requests("PATCH", "/messages/")]
    assert edits
    assert all(path.endswith("/messages/@original") for path in edits)
    await world.check_books(charged=8)


async def test_whoever_wants_to_be_told_is_pinged_once(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.imagine("tell me", notify=True)
    await world.idle()
    message, ping = world.messages()
    assert ping.content == f"<@{world.alice.id}> your picture is here."
    (sent,) = world.requests("POST", f"/channels/{world.channel.id}/messages")
    assert sent.json["message_reference"]["message_id"] == message.id
    assert sent.json["allowed_mentions"] == {"parse": [], "users": [world.alice.id]}


async def test_whoever_wants_to_be_told_of_a_private_picture_gets_a_direct_message(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.imagine("tell only me", private=True, notify=True)
    await world.idle()
    (told,) = world.direct_messages(world.alice)
    assert told.content.startswith("Your private picture is ready")
    assert "tell only me" not in told.content
    assert world.messages() == []


# --- once ---


async def test_the_same_event_twice_is_one_request(discord_world: DiscordWorld) -> None:
    world = discord_world
    seen: list[str] = []

    def repeat(event: str, payload: Any) -> None:
        if event == "INTERACTION_CREATE" and not seen:
            seen.append(payload["id"])
            world.env.backend.emit(event, payload)

    world.env.backend.subscribers.append(repeat)
    try:
        await world.imagine("once only")
    finally:
        world.env.backend.subscribers.remove(repeat)
    await world.idle()
    assert len(seen) == 1
    assert len(world.requests("POST", "/callback")) == 1
    assert not any("ask again" in str(entry.json) for entry in world.requests("PATCH", ""))
    assert len(world.tasks("once only")) == 1
    (message,) = world.messages()
    assert len(pictures_of(message)) == 1
    await world.check_books(charged=8)


# --- what a person types does nothing ---

LIVE = (
    "<@1> <@&2> <#3> @everyone @here **bold** # head\n> quote [a](https://evil.example) https://evil.example "
    "<t:0:R> </imagine:1> <:x:1> <a:y:2> ||spoiler|| `code` \u202eevil \u05d0\u05d1\u05d2 :smile:"
)


async def test_what_a_prompt_says_does_nothing(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.imagine(LIVE, notify=True, image_1=("@everyone <@1>.png", png()))
    await world.idle()
    assert world.tasks(LIVE)[0].prompt == LIVE
    for entry in [*world.requests("PATCH", ""), *world.requests("POST", "")]:
        body = entry.json or {}
        if "components" in body or "content" in body:
            mentions = body["allowed_mentions"]
            assert mentions["parse"] == []
            assert set(mentions.get("users", [])) <= {world.alice.id}
            text = json.dumps(body.get("components", ""))
            assert "\\u202e" not in text
    message = world.messages()[0]
    said = re.sub(r"\\.", "", text_of(message))  # what a backslash stands before is shown as it is
    for live in (
        "<@1>",
        "@everyone",
        "@here",
        "**bold**",
        "[a](",
        "https://evil",
        "<t:0:R>",
        "<:x:1>",
        "||sp",
        "`code`",
    ):
        assert live not in said
    assert "\n# head" not in said
    assert message.flags.components_v2
