"""Every way in which references come, with everything that can be wrong about them: named, mended or asked about, and
nothing is charged."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.cogs.conftest import DiscordWorld, _alive, png, text_of
from tests.cogs.results import field, filled_in, made, more
from tests.cogs.test_menus import ADD, USE, fill, modal_words

pytestmark = pytest.mark.asyncio(loop_scope="module")

Files = list[tuple[str, bytes]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DiscordWorld]:
    """A world in which the bot may read what is replied to."""
    async with _alive(tmp_path_factory.mktemp("world"), message_content_intent=True) as world:
        yield world


@dataclass
class Trial:
    """One person with wrong files and a prompt; ``expired``: nothing can be fetched once it was posted."""

    world: DiscordWorld
    files: Files
    prompt: str
    expired: bool = False

    async def post(self, who: Any = None) -> Any:
        """Post the files, and let their addresses expire."""
        posted = await self.world.say(who or self.world.member("friend"), "look", files=self.files)
        if self.expired:
            self.world.env.backend.cdn._blobs.clear()
        return posted

    async def fetched(self, asked: Awaitable[Any]) -> Any:
        """Let what was attached expire before it is fetched."""
        if not self.expired:
            return await asked
        self.world.fetcher.doors.clear()
        result = await asked
        self.world.env.backend.cdn._blobs.clear()
        self.world.fetcher.doors.set()
        return result

    async def said(self, result: Any) -> str:
        """Everything that was said in the end: in the answer, and in the channel."""
        await self.world.idle()
        parts = [text_of(result.response)] if result is not None and result.response is not None else []
        if result is not None and result.modal is not None:
            parts.append(modal_words(result))
        return "\n".join([*parts, *map(text_of, self.world.messages())])


async def by_command(trial: Trial) -> str:
    """The attachment options; a ninth image comes from the tray."""
    world, attached = trial.world, trial.files
    if len(attached) == 9:
        await world.menu(world.alice, ADD, await world.say(world.alice, files=[attached.pop()]))
    images = {f"image_{number}": file for number, file in enumerate(attached, start=1)}
    more_options = {"use_tray": True} if len(images) == 8 else {}
    return await trial.said(await trial.fetched(world.imagine(trial.prompt, **images, **more_options)))


async def by_menu(trial: Trial) -> str:
    """Use as reference, and its form, if it opens."""
    world = trial.world
    shown = await world.menu(world.alice, USE, await trial.post())
    if shown.modal is None or len(trial.files) > 8:
        return await trial.said(shown)
    return await trial.said(await fill(world, shown, trial.prompt))


async def by_tray(trial: Trial) -> str:
    """Add to my tray."""
    return await trial.said(await trial.world.menu(trial.world.alice, ADD, await trial.post()))


async def by_mention(trial: Trial) -> str:
    """A mention with the files attached."""
    world = trial.world
    await trial.fetched(world.say(world.alice, f"{world.mention} {trial.prompt}", files=trial.files))
    return await trial.said(None)


async def by_reply(trial: Trial) -> str:
    """A mention in a reply to somebody who posted the files."""
    world = trial.world
    posted = await trial.post()
    await world.say(world.alice, f"{world.mention} {trial.prompt}", reply_to=posted)
    return await trial.said(None)


async def by_edit(trial: Trial) -> str:
    """Edit's form under a result, with the files added."""
    return await _by_form(trial, lambda source: trial.world.click(trial.world.alice, source, "Edit"))


async def by_result(trial: Trial) -> str:
    """Use as reference under a result, and its form, with the files added."""
    return await _by_form(trial, lambda source: more(trial.world, trial.world.alice, source, "Use as reference"))


async def _by_form(trial: Trial, opening: Callable[[Any], Awaitable[Any]]) -> str:
    world = trial.world
    shown = await opening(await made(world, "where it starts"))
    most = field(shown, "files")["max_values"]
    if len(trial.files) > most:
        return f"Discord takes {most} files there"
    filled = {**filled_in(shown), "prompt": trial.prompt, "files": trial.files}
    return await trial.said(await trial.fetched(world.submit(world.alice, shown, **filled)))


WAYS: dict[str, Callable[[Trial], Awaitable[str]]] = {
    "command": by_command,
    "menu": by_menu,
    "tray": by_tray,
    "mention": by_mention,
    "reply": by_reply,
    "edit": by_edit,
    "result": by_result,
}
NINE: Files = [(f"p{number}.png", png(colour=(number, 9, 9))) for number in range(1, 10)]
TOO_MANY = "at most 8 reference images, not 9"
GONE = "can't be fetched from Discord any more"
WITHOUT = "Paint this without an image?"
INPUTS: dict[str, tuple[Files, dict[str, str], str]] = {
    # what is posted, what is said by the way, and what is said by all others
    "nine images": (
        NINE,
        {
            "menu": "p9.png is one too many",
            "tray": "p9.png did not fit: a tray holds 8 images",
            "edit": "Discord takes 7 files there",
            "result": "Discord takes 7 files there",
        },
        TOO_MANY,
    ),
    "a PDF": (
        [("plan.pdf", b"%PDF-1.7 and so on")],
        {"reply": WITHOUT},  # what lies about in somebody else's message is no part of the request
        "plan.pdf is a PDF",
    ),
    "a PDF in disguise": ([("lies.png", b"%PDF-1.7 this is no picture")], {}, "lies.png is a PDF"),
    "31 MB": ([("huge.png", png() + bytes(31_000_000))], {"tray": "huge.png is 31.0 MB"}, "huge.png is 31 MB"),
    "expired": ([("old.png", png())], {}, f"old.png {GONE}"),
    "damaged": ([("torn.png", png()[:60])], {}, "torn.png "),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wrong", INPUTS)
async def test_what_is_wrong_is_said_by_name_and_costs_nothing(
    discord_world: DiscordWorld, way: str, wrong: str
) -> None:
    world = discord_world
    posted, by_way, by_others = INPUTS[wrong]
    prompt = f"{wrong} by {way}"
    said = await WAYS[way](Trial(world, list(posted), prompt, expired=wrong == "expired"))
    assert by_way.get(way, by_others) in said
    await world.idle()
    assert world.tasks(prompt) == []
    await world.check_books(charged=8 if way in {"edit", "result"} else 0)


@pytest.mark.parametrize("way", ["menu", "tray", "mention", "reply"])
async def test_a_message_without_images(discord_world: DiscordWorld, way: str) -> None:
    world = discord_world
    prompt = f"out of nothing by {way}"
    said = await WAYS[way](Trial(world, [], prompt))
    asked = WITHOUT if way in {"mention", "reply"} else "There is no picture in that message that I can use"
    assert asked in said
    assert world.tasks(prompt) == []
    await world.check_books(charged=0)


async def test_what_was_collected_outlives_its_message(discord_world: DiscordWorld) -> None:
    world = discord_world
    trial = Trial(world, [("cat.png", png(colour=(7, 7, 7)))], "of what is gone")
    posted = await trial.post(world.alice)
    await world.menu(world.alice, ADD, posted)
    await world.alice.delete(posted)
    world.env.backend.cdn._blobs.clear()
    await world.imagine("of what is gone", use_tray=True)
    await world.idle()
    (task,) = world.tasks("of what is gone")
    assert len(task.reference_ids) == 1
    await world.check_books(charged=8)


async def test_a_result_with_eight_more_is_one_too_many(discord_world: DiscordWorld) -> None:
    world = discord_world
    await made(world, "the ninth")
    (choice,) = await world.autocomplete(world.alice, "imagine", "parent", "the ninth")
    images = {f"image_{number}": file for number, file in enumerate(NINE[:8], start=1)}
    refused = await world.imagine("with its parent", parent=choice["value"], **images)
    assert TOO_MANY in text_of(refused.response)
    assert world.tasks("with its parent") == []
    await world.check_books(charged=8)
