"""How everything stands in a server, and that in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.credits.windows import Period
from bot.generations.house_rules import HouseRules
from bot.generations.quota_desk import Allowance, Overview
from bot.generations.repository import GuildRow
from bot.ui.gallery import lacks_words
from bot.ui.house_log import allowance_words, value_words
from bot.ui.text import plain
from bot.ui.words import counted


@dataclass(frozen=True, slots=True)
class Stands:
    """How everything stands in a server.

    ``lacking``: for each channel that is set, the permissions that the bot lacks there ("gone" as the only one: the
    channel is not there any more). ``channels`` and ``roles`` are those of the rules that Discord still has.
    """

    name: str
    rules: HouseRules
    settings: GuildRow
    open_reports: int = 0
    banned: int = 0
    lacking: Mapping[int, Sequence[str]] = field(default_factory=dict)
    channels: frozenset[int] = frozenset()
    roles: frozenset[int] = frozenset()
    models: Mapping[str, str] = field(default_factory=dict)
    """The labels of all models that can be had, by their ids."""
    usual_model: str = ""
    """The label of the model that is taken where nobody chooses."""
    usual_credits: int = 8
    """What a picture by it costs."""
    quotas: Overview = field(default_factory=lambda: Overview(Allowance(None, Period.NONE, own=False)))


def where_words(rules: HouseRules) -> str:
    """Return where pictures are made: "everywhere, age-restricted channels only"."""
    where = value_words("channels", rules.channels)
    return f"{where}, age-restricted channels only" if rules.age_restricted_only else where


def who_words(rules: HouseRules) -> str:
    """Return who may make them: "<@&1>, but not <@&2>"."""
    who = value_words("roles_allowed", rules.roles_allowed)
    return f"{who}, but not {value_words('roles_denied', rules.roles_denied)}" if rules.roles_denied else who


def log_words(stands: Stands) -> str:
    """Return where the log stands, and what it says of private pictures."""
    rules = stands.rules
    if rules.log_channel_id is None:
        return "none"
    prompts = "with the prompts" if rules.log_private else "without the prompts"
    return f"{channel_words(rules.log_channel_id, stands, '')}, {prompts} of private pictures"


def credits_words(stands: Stands) -> str:
    """Return what each member may spend, whose word that is, and how many rules of /quota there are."""
    allowance, rules = stands.quotas.allowance, stands.quotas.rules
    whose = "" if allowance.own else ", as the bot's operator set it"
    more = f" · {counted(rules, 'rule')} in /quota list" if rules > int(allowance.own) else ""
    return f"{allowance_words(allowance.credits, allowance.period)} for each member{whose}{more}"


def models_words(stands: Stands) -> str:
    """Return which models can be had, and the usual one: "all; usual: Nano Banana Pro"."""
    rules = stands.rules
    names = [plain(stands.models.get(model, model), 40) for model in rules.models]
    return f"{', '.join(names) or 'all'}; usual: {plain(stands.usual_model, 40)}"


def quota_models_words(stands: Stands) -> str | None:
    """Return how many rules of /quota also say which models, None when there are none."""
    rules = stands.quotas.model_rules
    if not rules:
        return None
    return (
        f"{counted(rules, 'rule')} of /quota {'says' if rules == 1 else 'say'} which of these whom; both must allow it."
    )


def channel_words(channel_id: int | None, stands: Stands, none: str) -> str:
    """Return a channel that is set, with what the bot lacks there; ``none`` when none is."""
    if channel_id is None:
        return none
    missing = stands.lacking.get(channel_id)
    return f"<#{channel_id}>{f', but {lacks_words(missing)}' if missing else ''}"
