"""What members do with results, for the tests of everything under a picture."""

from __future__ import annotations

from typing import Any

from bot.generations.states import RequestState
from bot.generations.values import RequestView
from tests.cogs.conftest import DiscordWorld, labels_of, selects_of


async def made(world: DiscordWorld, prompt: str, **options: Any) -> Any:
    """Ask for pictures (and agree to what they cost), wait for them, and return their message."""
    asked = await world.imagine(prompt, **options)
    agree = [label for label in labels_of(asked.response) if label.startswith("Paint ")]
    if agree:
        asked = await world.click(options.get("who", world.alice), asked.response, agree[0])
    await world.idle()
    return asked.response


async def more(world: DiscordWorld, who: Any, message: Any, words: str) -> Any:
    """Choose what begins with ``words`` under More."""
    return await world.choose(who, message, value_of(message, words))


async def choose_all(world: DiscordWorld, who: Any, message: Any, *values: Any, custom_id: str | None = None) -> Any:
    """Choose several values of a select at once; channels as what the world gave for them."""
    world.catch_up()
    return await who.select(message, list(values), custom_id=custom_id)


def value_of(message: Any, words: str) -> str:
    """Return the value of the option that begins with ``words``."""
    (value,) = [option["value"] for option in options_of(message) if option["label"].startswith(words)]
    return str(value)


def options_of(message: Any) -> list[dict[str, Any]]:
    """Return the options of a message's only select."""
    (select,) = selects_of(message)
    options: list[dict[str, Any]] = select["options"]
    return options


def words_of(message: Any) -> list[str]:
    """Return what stands under More."""
    return [option["label"] for option in options_of(message)]


async def newest(world: DiscordWorld, who: Any = None) -> str:
    """Return the id of a member's newest request."""
    return (await newest_view(world, who)).id


async def newest_view(world: DiscordWorld, who: Any = None) -> RequestView:
    """Return a member's newest request."""
    page = await world.core.generations.history(user_id=(who or world.alice).id, guild_id=world.guild.id, page=1)
    assert page.requests[0].state is not RequestState.VOID
    return page.requests[0]


def result_of(world: DiscordWorld, request_id: str, position: int) -> Any:
    """Return the file of a picture."""
    (found,) = (world.settings.data_dir / "results").glob(f"{request_id}-{position}.*")
    return found


def field(shown: Any, custom_id: str) -> dict[str, Any]:
    """Return a part of the modal that ``shown`` was answered with."""
    parts = {label["component"]["custom_id"]: label["component"] for label in shown.modal["components"]}
    part: dict[str, Any] = parts[custom_id]
    return part


def chosen(shown: Any, custom_id: str) -> str:
    """Return what is pre-chosen in a select of a modal."""
    (value,) = [option["value"] for option in field(shown, custom_id)["options"] if option.get("default")]
    return str(value)


def pick(shown: Any, custom_id: str, words: str) -> list[str]:
    """Return the value of the option of a modal's select that begins with ``words``, for sending it off."""
    (value,) = [o["value"] for o in field(shown, custom_id)["options"] if o["label"].startswith(words)]
    return [value]


def filled_in(shown: Any) -> dict[str, Any]:
    """Return what is sent when a modal is sent off as it is."""
    values: dict[str, Any] = {}
    for label in shown.modal["components"]:
        part = label["component"]
        if part.get("options"):
            values[part["custom_id"]] = [option["value"] for option in part["options"] if option.get("default")]
        elif part["type"] == 4:
            values[part["custom_id"]] = part.get("value") or ""
    return values
