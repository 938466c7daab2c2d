"""Each rule of a server, and each path by which a member can ask for a picture."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from bot.credits.quota_rules import Scope
from bot.generations.house_rules import HouseRules
from bot.generations.operator_desk import DeskRefused
from bot.sandbox.rivya_faults import Fault, FaultKind
from tests.cogs.conftest import DiscordWorld, labels_of, png
from tests.cogs.results import filled_in, made, more, words_of
from tests.rules import drop_rules, set_rule

PROMPT = "a quiet harbour"
ROLE_NAMES = iter(range(10_000))


async def settle(world: DiscordWorld, **values: Any) -> None:
    """Make these the server's only rules."""
    none = {name: getattr(HouseRules(), name) for name in HouseRules.__slots__}
    await world.core.house.change(world.guild.id, by=1, **{**none, **values})


# --- the rules: each is set for a member who has a picture here already, and each refuses in these words ---

Rule = Callable[[DiscordWorld], Awaitable[str]]


async def _channel(world: DiscordWorld) -> str:
    other = world.guild.create_text_channel(f"studio-{world.channel.id}")
    await settle(world, channels=[other.id])
    return f"In this server I do so in <#{other.id}>."


async def _age(world: DiscordWorld) -> str:
    await settle(world, age_restricted_only=True)
    return "in age-restricted channels only"


async def _role(world: DiscordWorld) -> str:
    role = world.guild.create_role(f"painter {next(ROLE_NAMES)}")
    await settle(world, roles_allowed=[role.id])
    return f"That takes the role <@&{role.id}>."


async def _denied(world: DiscordWorld) -> str:
    await settle(world, roles_denied=[world.guild.id])
    return "A role of yours is excluded."


async def _term(world: DiscordWorld) -> str:
    await settle(world, terms=["hárbour"])
    return "It is ||hárbour||."


async def _model(world: DiscordWorld) -> str:
    await settle(world, models=["nano-banana"])
    return "Nano Banana Pro is not used in this server."


async def _private(world: DiscordWorld) -> str:
    await settle(world, private_allowed=False)
    return "There are no private pictures in this server."


async def _slow(world: DiscordWorld) -> str:
    await settle(world, slow_mode_s=24 * 3600)
    return "This server wants 24 h between two of your requests."


async def _ban(world: DiscordWorld) -> str:
    await world.core.house.ban(world.guild.id, world.alice.id, by=1, reason="too *rude* @everyone")
    return "You are banned from using me in this server."


async def _pause(world: DiscordWorld) -> str:
    await world.core.operator.pause(world.guild.id, by=1, reason="", event_id=f"pause {next(ROLE_NAMES)}")
    return "The bot's operator has paused me in this server."


def _quota(words: str, **values: Any) -> Rule:
    async def rule(world: DiscordWorld) -> str:
        await settle(world)
        await set_rule(world.database, world.guild.id, Scope.MEMBER, world.alice.id, **values)
        return words

    return rule


RULES: dict[str, Rule] = {
    "channel": _channel, "age": _age, "role": _role, "denied": _denied, "term": _term, "model": _model, "slow": _slow,
    "ban": _ban, "private": _private, "pause": _pause,
    "credits used up": _quota("You have no credits left.", day=1),
    "quota of models": _quota("By this server's quotas you can't use Nano Banana Pro here.", models=("nano-banana",)),
    "resolution": _quota("By this server's quotas your pictures have at most 1K here, not ", resolution="1K"),
    "count": _quota("By this server's quotas you can ask for at most one picture at once here, not ", count=1),
    "running": _quota("By this server's quotas you may ask for pictures here.", running=0),
}  # fmt: skip

# What has to be asked for, so that a rule can be against it.
WANTED: dict[str, dict[str, Any]] = {
    "private": {"private": True}, "resolution": {"resolution": "2K"}, "count": {"count": 2},
}  # fmt: skip


async def lift(world: DiscordWorld) -> None:
    """Take back whatever was set."""
    await world.core.house.unban(world.guild.id, world.alice.id, by=1)
    await drop_rules(world.database, world.guild.id)
    with contextlib.suppress(DeskRefused):
        await world.core.operator.resume(world.guild.id, by=1, reason="", event_id=f"resume {next(ROLE_NAMES)}")
    await settle(world)


# --- the paths: each is prepared while nothing is forbidden, then taken; gives what was answered ---

Take = Callable[[], Awaitable[Any]]
Path = Callable[..., Awaitable[Take]]


async def _command(world: DiscordWorld, **wanted: Any) -> Take:
    await made(world, "the first one")
    return lambda: world.imagine(PROMPT, model="nano-banana-pro", **wanted)


async def _prefer(world: DiscordWorld, **wanted: Any) -> None:
    """Have what has no options of its own ask for this."""
    usual = {name: value for name, value in wanted.items() if name != "count"}
    await world.core.preferences.set(world.alice.id, model="nano-banana-pro", **usual)


async def _mention(world: DiscordWorld, **wanted: Any) -> Take:
    await made(world, "the first one")

    async def take() -> Any:
        await _prefer(world, **wanted)
        # The server's usual model would be taken for a model that may not be used: a mention chooses none.
        await world.say(world.alice, f"{world.mention} {PROMPT}", files=[("cat.png", png())])
        return None

    return take


async def _offer(world: DiscordWorld, **wanted: Any) -> Take:
    await made(world, "the first one")
    asked = await world.imagine(PROMPT, **{"model": "nano-banana-pro", **wanted, "count": 4})
    (agree,) = [words for words in labels_of(asked.response) if words.startswith("Paint all 4")]
    return lambda: world.click(world.alice, asked.response, agree)


async def _again(world: DiscordWorld, **wanted: Any) -> Take:
    source = await made(world, PROMPT, **wanted)
    return lambda: world.click(world.alice, source, "Again")


async def _variations(world: DiscordWorld, **wanted: Any) -> Take:
    source = await made(world, PROMPT, **wanted)

    async def take() -> Any:
        asked = await more(world, world.alice, source, "Variations")
        agree = [words for words in labels_of(asked.response) if words.startswith("Paint all 4")]
        return await world.click(world.alice, asked.response, agree[0]) if agree else asked

    return take


async def _larger(world: DiscordWorld, **wanted: Any) -> Take:
    source = await made(world, PROMPT, **{**wanted, "count": 1})
    return lambda: more(world, world.alice, source, next(word for word in words_of(source) if "4K" in word))


async def _edit(world: DiscordWorld, **wanted: Any) -> Take:
    source = await made(world, "the first one", **wanted)
    shown = await world.click(world.alice, source, "Edit")
    return lambda: world.submit(world.alice, shown, **filled_in(shown) | {"prompt": PROMPT})


async def _remix(world: DiscordWorld, **wanted: Any) -> Take:
    source = await made(world, "the first one", **wanted)
    shown = await world.click(world.alice, source, "Remix")
    return lambda: world.submit(world.alice, shown, **filled_in(shown) | {"prompt": PROMPT})


async def _menu(world: DiscordWorld, **wanted: Any) -> Take:
    await made(world, "the first one")
    await _prefer(world, **wanted)
    message = await world.say(world.alice, "look", files=[("cat.png", png())])
    shown = await world.menu(world.alice, "Use as reference", message)
    return lambda: world.submit(world.alice, shown, **filled_in(shown) | {"prompt": PROMPT})


async def _failed(world: DiscordWorld, **wanted: Any) -> Any:
    await made(world, "the first one")
    world.rivya.faults.add(Fault(kind=FaultKind.TASK_FAILS, times=wanted.get("count", 1)))
    message = await made(world, PROMPT, **wanted)
    assert labels_of(message) == ["Change the prompt", "Try again"]
    return message


async def _try_again(world: DiscordWorld, **wanted: Any) -> Take:
    failed = await _failed(world, **wanted)
    return lambda: world.click(world.alice, failed, "Try again")


async def _changed(world: DiscordWorld, **wanted: Any) -> Take:
    failed = await _failed(world, **wanted)
    shown = await world.click(world.alice, failed, "Change the prompt")
    return lambda: world.submit(world.alice, shown, **filled_in(shown))


async def _rewritten(world: DiscordWorld, **wanted: Any) -> Take:
    await made(world, "the first one")
    await settle(world, terms=["zebra"])
    refused = await world.imagine("a zebra", **wanted)
    shown = await world.click(world.alice, refused.response, "Change the prompt")
    await settle(world)
    return lambda: world.submit(world.alice, shown, **filled_in(shown) | {"prompt": PROMPT})


PATHS: dict[str, Path] = {
    "command": _command, "mention": _mention, "offer": _offer, "again": _again, "variations": _variations,
    "larger": _larger, "edit form": _edit, "remix form": _remix, "menu and form": _menu, "try again": _try_again,
    "change the prompt": _changed, "change a refused prompt": _rewritten,
}  # fmt: skip

# What these ask for no rule can be against; so it is taken, and this is what is made.
NEVER_ASKED: dict[tuple[str, str], str] = {
    ("model", "mention"): "nano-banana",  # a mention chooses no model: it is made by one that may be used
    ("private", "mention"): "nano-banana-pro",  # its answer stands beside it, for all
    ("count", "mention"): "nano-banana-pro",  # one
    ("count", "larger"): "nano-banana-pro",  # of one
    ("count", "edit form"): "nano-banana-pro",  # of one
    ("count", "menu and form"): "nano-banana-pro",  # one
}
