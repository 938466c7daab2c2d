"""What a server's admins allow there: the rules, and the one check of a request against them.

Whoever manages a server may always change its rules, and is bound by them like everyone when asking for a picture.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any, Final, Self

from bot.generations.refusals import (
    AgeRestrictedOnly,
    Banned,
    ChannelNotAllowed,
    GalleryNotAgeRestricted,
    ModelNotAllowed,
    NotShownHere,
    PostedTermBlocked,
    PrivateNotAllowed,
    RoleNotAllowed,
    SlowMode,
    TermBlocked,
)
from bot.generations.repository import GenerationsRepository
from bot.generations.repository.rules import RulesRow
from bot.generations.terms import blocked_in
from bot.generations.values import GenerationRequest, Origin
from bot.rivya import Catalogue, ModelSpec
from bot.storage import Connection

MAX_LISTED: Final = 25
"""Channels or roles in one list: as many as a select of Discord's takes."""
MAX_SLOW_MODE_S: Final = 24 * 3600


@dataclass(frozen=True, slots=True)
class HouseRules:
    """A server's rules; as they are made here, everything is allowed."""

    channels: tuple[int, ...] = ()
    """Where it may be used, threads included; empty: everywhere."""
    roles_allowed: tuple[int, ...] = ()
    """Who may use it; empty: everyone. The server's own id is @everyone."""
    roles_denied: tuple[int, ...] = ()
    """Who may not, whatever other roles they have."""
    terms: tuple[str, ...] = ()
    """Blocked words, as they were typed."""
    age_restricted_only: bool = False
    models: tuple[str, ...] = ()
    """Which models; empty: all."""
    default_model: str | None = None
    private_allowed: bool = True
    slow_mode_s: int = 0
    """Between two requests of one member; 0: none."""
    log_channel_id: int | None = None
    log_private: bool = False
    """Whether the log shows the prompts of private pictures."""

    @classmethod
    def of(cls, row: RulesRow | None) -> Self:
        """Read them from their row; None: none were ever made."""
        if row is None:
            return cls()
        values = {field.name: getattr(row, field.name) for field in fields(cls)}
        for name in _LISTS:
            values[name] = tuple(json.loads(values[name]))
        for name in _SWITCHES:
            values[name] = bool(values[name])
        return cls(**values)

    @staticmethod
    def stored(name: str, value: Any) -> Any:
        """Return a rule's value as its column holds it."""
        return (
            json.dumps(list(value), ensure_ascii=False)
            if name in _LISTS
            else int(value)
            if name in _SWITCHES
            else value
        )

    def takes_model(self, model: str) -> bool:
        """Tell whether a model may be used."""
        return not self.models or model in self.models

    def usual_model(self, catalogue: Catalogue) -> str | None:
        """Return the model for whoever chooses none; None: the bot's own default."""
        if self.default_model is None and not self.models:
            return None
        open_ones = [spec.id for spec in self.models_of(catalogue)]
        for model in (self.default_model, catalogue.default.id):
            if model in open_ones:
                return model
        return open_ones[0] if open_ones else None

    def models_of(self, catalogue: Catalogue) -> list[ModelSpec]:
        """Return the models that can be had and may be used."""
        return [spec for spec in catalogue.available() if self.takes_model(spec.id)]

    def takes(self, request: GenerationRequest, catalogue: Catalogue) -> bool:
        """Tell whether a request as such is allowed, wherever and whoever asks: what is offered must be."""
        return self.takes_model(request.model or catalogue.default.id) and (self.private_allowed or not request.private)

    def check_place(self, origin: Origin) -> None:
        """Raise a Refused where, or by whom, pictures may not be asked for or posted."""
        allowed = frozenset(self.channels)
        if allowed and not allowed & {origin.channel_id, origin.parent_channel_id}:
            raise ChannelNotAllowed(self.channels)
        if self.age_restricted_only and not origin.age_restricted:
            raise AgeRestrictedOnly
        self.check_roles(origin)

    def check_roles(self, origin: Origin) -> None:
        """Raise a Refused for whose roles don't allow them to use the bot."""
        roles = origin.standing.role_ids | {origin.guild_id}
        if roles & frozenset(self.roles_denied):
            raise RoleNotAllowed(())
        if self.roles_allowed and not roles & frozenset(self.roles_allowed):
            raise RoleNotAllowed(self.roles_allowed)

    def check_request(self, request: GenerationRequest, spec: ModelSpec) -> None:
        """Raise a Refused for what may not be asked for."""
        if not self.takes_model(spec.id):
            raise ModelNotAllowed(spec.label, frozenset(self.models))
        if request.private and not self.private_allowed:
            raise PrivateNotAllowed
        term = blocked_in(request.prompt, self.terms)
        if term is not None:
            raise TermBlocked(term)


_LISTS: Final = frozenset({"channels", "roles_allowed", "roles_denied", "terms", "models"})
_SWITCHES: Final = frozenset({"age_restricted_only", "private_allowed", "log_private"})


async def check_rules(
    tx: Connection,
    request: GenerationRequest,
    origin: Origin,
    *,
    spec: ModelSpec,
    account_id: int | None,
    now_ms: int,
) -> HouseRules:
    """Raise a Refused when the rules of the server that it is asked for in, or a ban there, are against a request.

    ``account_id``: the asker's there, None while they have none. Returns these rules.
    """
    if origin.guild_id is None:
        return HouseRules()
    rows = GenerationsRepository(tx)
    await check_ban(tx, guild_id=origin.guild_id, user_id=origin.user_id, now_ms=now_ms)
    rules = HouseRules.of(await rows.rules.get(origin.guild_id))
    rules.check_place(origin)
    rules.check_request(request, spec)
    if rules.slow_mode_s and account_id is not None:
        last_ms = await rows.rules.last_request(account_id)
        if last_ms is not None and now_ms < last_ms + rules.slow_mode_s * 1000:
            raise SlowMode(rules.slow_mode_s, last_ms + rules.slow_mode_s * 1000)
    return rules


async def check_ban(tx: Connection, *, guild_id: int, user_id: int, now_ms: int) -> None:
    """Raise Banned when a member is banned from the bot in this server."""
    ban = await GenerationsRepository(tx).bans.standing(guild_id, user_id, now_ms)
    if ban is not None:
        raise Banned(ban.reason, ban.expires_at_ms)


@dataclass(frozen=True, slots=True)
class GalleryChannel:
    """What is asked of a gallery's channel; which one it is the server's admins have said."""

    age_restricted: bool


async def check_posting(
    tx: Connection, origin: Origin, prompt: str, *, now_ms: int, gallery: GalleryChannel | None = None
) -> None:
    """Raise a Refused where, or by whom, a picture of ``prompt`` may not be posted: as it could not be asked for.

    ``gallery``: it is to stand there, not where it is asked.
    """
    if origin.guild_id is None:
        return
    await check_ban(tx, guild_id=origin.guild_id, user_id=origin.user_id, now_ms=now_ms)
    rules = HouseRules.of(await GenerationsRepository(tx).rules.get(origin.guild_id))
    if gallery is None:
        rules.check_place(origin)
    else:
        rules.check_roles(origin)
        if rules.age_restricted_only and not gallery.age_restricted:
            raise GalleryNotAgeRestricted
    term = blocked_in(prompt, rules.terms)
    if term is not None:
        raise PostedTermBlocked(term)


async def check_showing(tx: Connection, origin: Origin) -> None:
    """Raise a Refused where what others made is not to be looked at."""
    if origin.guild_id is None:
        return
    rules = HouseRules.of(await GenerationsRepository(tx).rules.get(origin.guild_id))
    if rules.age_restricted_only and not origin.age_restricted:
        raise NotShownHere
