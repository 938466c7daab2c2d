"""What a server's admins set, and whom they ban from the bot; every change is written down, and told in their log.

Speaks to no network. Whether somebody may change anything is asked where they press: see ``bot.rights``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

import structlog

from bot.clock import Clock
from bot.errors import BotError
from bot.generations.house_rules import (
    MAX_LISTED,
    MAX_SLOW_MODE_S,
    GalleryChannel,
    HouseRules,
    check_posting,
    check_showing,
)
from bot.generations.repository import BAN, BanRow, ChangeRow, GenerationsRepository, LineKind, RequestRow
from bot.generations.terms import MAX_TERMS, TERM_MAX_CHARS, TERMS_MAX_CHARS, tidied
from bot.generations.values import Origin
from bot.storage import Connection, Database

log = structlog.get_logger(__name__)

THE_BOT: Final = 0
"""Who changed a setting when nobody did."""
BAN_REASON_MAX_CHARS: Final = 500
GREETED_WITHIN_S: Final = 7 * 24 * 3600
"""A server that was joined longer ago has found out by itself, or was greeted before it was written down."""


class SettingRefused(BotError):
    """A value that a setting can't have; nothing was changed."""

    code = "setting_refused"


class House:
    """A server's rules and bans."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    # --- rules ---

    async def rules(self, guild_id: int | None) -> HouseRules:
        """Return a server's rules; outside of servers there are none."""
        if guild_id is None:
            return HouseRules()
        return HouseRules.of(await self._database.look(lambda tx: GenerationsRepository(tx).rules.get(guild_id)))

    async def change(self, guild_id: int, *, by: int, **values: Any) -> HouseRules:
        """Set some of ``HouseRules``' fields; what was so before is no change. Raises SettingRefused."""
        wanted = {name: _checked(name, value) for name, value in values.items()}
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> HouseRules:
            return await change_rules(tx, guild_id, by=by, now_ms=now_ms, values=wanted)

        rules = await self._database.write(work)
        log.info("house.changed", guild_id=guild_id, by=by, settings=sorted(wanted))
        return rules

    async def changes(self, guild_id: int, *, limit: int) -> list[ChangeRow]:
        """Return a server's newest changes, newest first."""
        return await self._database.look(lambda tx: GenerationsRepository(tx).rules.changes(guild_id, limit=limit))

    async def check_posting(self, origin: Origin, prompt: str, *, gallery: GalleryChannel | None = None) -> None:
        """Raise a Refused where, or by whom, a picture of ``prompt`` may not be posted."""
        now_ms = self._clock.now_ms()
        await self._database.look(lambda tx: check_posting(tx, origin, prompt, now_ms=now_ms, gallery=gallery))

    async def check_showing(self, origin: Origin) -> None:
        """Raise a Refused where what others made is not to be looked at."""
        await self._database.look(lambda tx: check_showing(tx, origin))

    def is_new(self, joined_at_ms: int) -> bool:
        """Tell whether a server was joined so lately that it is still to be greeted, if nobody did."""
        return joined_at_ms > self._clock.now_ms() - GREETED_WITHIN_S * 1000

    # --- bans ---

    async def ban(
        self, guild_id: int, user_id: int, *, by: int, reason: str = "", expires_at_ms: int | None = None
    ) -> BanRow:
        """Ban a member from the bot in this server, in the place of whatever ban stands. Raises SettingRefused."""
        now_ms = self._clock.now_ms()
        said = _reason(reason)
        if expires_at_ms is not None and expires_at_ms <= now_ms:
            raise SettingRefused(user_message="That time is over already.")

        async def work(tx: Connection) -> BanRow:
            rows = GenerationsRepository(tx)
            before = await rows.bans.standing(guild_id, user_id, now_ms)
            await rows.bans.lift(guild_id, user_id, by=by, now_ms=now_ms)
            await rows.bans.add(
                guild_id=guild_id,
                user_id=user_id,
                reason=said,
                banned_by=by,
                created_at_ms=now_ms,
                expires_at_ms=expires_at_ms,
            )
            standing = await rows.bans.standing(guild_id, user_id, now_ms)
            if standing is None:
                raise AssertionError("a ban that was just made stands")
            await note_change(tx, guild_id, BAN, _told(before), _told(standing), by=by, now_ms=now_ms)
            return standing

        ban = await self._database.write(work)
        log.info("house.banned", guild_id=guild_id, user_id=user_id, by=by, expires_at_ms=expires_at_ms)
        return ban

    async def unban(self, guild_id: int, user_id: int, *, by: int, reason: str = "") -> bool:
        """Lift a member's ban; tells whether one stood."""
        now_ms = self._clock.now_ms()
        said = _reason(reason)

        async def work(tx: Connection) -> bool:
            rows = GenerationsRepository(tx)
            standing = await rows.bans.standing(guild_id, user_id, now_ms)
            if standing is None:
                return False
            await rows.bans.lift(guild_id, user_id, by=by, now_ms=now_ms)
            lifted = {"user_id": standing.told_user_id, "reason": said, "lifted": True}
            await note_change(tx, guild_id, BAN, _told(standing), lifted, by=by, now_ms=now_ms)
            return True

        lifted = await self._database.write(work)
        log.info("house.unbanned", guild_id=guild_id, user_id=user_id, by=by, stood=lifted)
        return lifted

    async def ban_of(self, guild_id: int, user_id: int) -> BanRow | None:
        """Return the ban that stands for a member."""
        now_ms = self._clock.now_ms()
        return await self._database.look(lambda tx: GenerationsRepository(tx).bans.standing(guild_id, user_id, now_ms))

    async def bans(self, guild_id: int, *, limit: int, offset: int = 0) -> tuple[list[BanRow], int]:
        """Return the bans that stand in a server, newest first, and how many there are."""
        now_ms = self._clock.now_ms()
        return await self._database.look(
            lambda tx: GenerationsRepository(tx).bans.of_guild(guild_id, now_ms, limit=limit, offset=offset)
        )


async def change_rules(tx: Connection, guild_id: int, *, by: int, now_ms: int, values: Mapping[str, Any]) -> HouseRules:
    """Set rules, and write down what is different."""
    rows = GenerationsRepository(tx)
    before = HouseRules.of(await rows.rules.get(guild_id))
    models, usual = values.get("models", before.models), values.get("default_model", before.default_model)
    if models and usual is not None and usual not in models:
        values = {**values, "default_model": None}  # the usual model is one of those that may be used
    changed = {name: value for name, value in values.items() if value != getattr(before, name)}
    if not changed:
        return before
    await rows.rules.set(guild_id, **{name: HouseRules.stored(name, value) for name, value in changed.items()})
    for name, value in changed.items():
        await note_change(tx, guild_id, name, getattr(before, name), value, by=by, now_ms=now_ms)
    return HouseRules.of(await rows.rules.get(guild_id))


async def note_change(
    tx: Connection, guild_id: int, name: str, before: object, after: object, *, by: int, now_ms: int
) -> None:
    """Write down who changed what, and have the server's log tell it."""
    rows = GenerationsRepository(tx)
    change_id = await rows.rules.add_change(
        guild_id=guild_id,
        changed_by=by,
        name=name,
        was=json.dumps(before, ensure_ascii=False),
        became=json.dumps(after, ensure_ascii=False),
        created_at_ms=now_ms,
    )
    await rows.log_lines.add(guild_id, LineKind.CHANGE, now_ms, ref=str(change_id))


async def note_request(tx: Connection, request: RequestRow, now_ms: int) -> None:
    """Have the server's log tell of a request that was taken; of a private one that it was made, unless they said so.

    What is said is decided now: whoever asks was told how it is now.
    """
    if request.guild_id is None:
        return
    rows = GenerationsRepository(tx)
    rules = HouseRules.of(await rows.rules.get(request.guild_id))
    if rules.log_channel_id is not None:
        kind = LineKind.PRIVATE if request.private and not rules.log_private else LineKind.REQUEST
        await rows.log_lines.add(request.guild_id, kind, now_ms, ref=request.id)


def _told(ban: BanRow | None) -> dict[str, Any] | None:
    if ban is None:
        return None
    return {"user_id": ban.told_user_id, "reason": ban.reason, "expires_at_ms": ban.expires_at_ms}


def _reason(words: str) -> str:
    return " ".join(words.split())[:BAN_REASON_MAX_CHARS]


def _checked(name: str, value: Any) -> Any:
    match name:
        case "channels" | "roles_allowed" | "roles_denied":
            return _listed(value, "channels" if name == "channels" else "roles")
        case "terms":
            return _terms(value)
        case "models":
            return tuple(dict.fromkeys(value))
        case "slow_mode_s":
            if not 0 <= value <= MAX_SLOW_MODE_S:
                raise SettingRefused(user_message="Slow mode goes up to a day.")
            return int(value)
        case "age_restricted_only" | "private_allowed" | "log_private":
            return bool(value)
        case "default_model" | "log_channel_id":
            return value
    raise ValueError(f"there is no setting {name}")


def _listed(ids: Iterable[int], what: str) -> tuple[int, ...]:
    found = tuple(sorted(set(ids)))
    if len(found) > MAX_LISTED:
        raise SettingRefused(user_message=f"At most {MAX_LISTED} {what} can be chosen.")
    return found


def _terms(terms: Iterable[str]) -> tuple[str, ...]:
    found = tidied(terms)
    if len(found) > MAX_TERMS:
        raise SettingRefused(user_message=f"At most {MAX_TERMS} words can be blocked; these are {len(found)}.")
    total = len("\n".join(found).encode("utf-16-le")) // 2
    if total > TERMS_MAX_CHARS:
        raise SettingRefused(
            user_message=f"These words have {total:,} characters together; {TERMS_MAX_CHARS:,} can be kept."
        )
    too_long = next((term for term in found if len(term) > TERM_MAX_CHARS), None)
    if too_long is not None:
        raise SettingRefused(
            user_message=f"“{too_long[:30]}…” is too long: blocked words have at most {TERM_MAX_CHARS} characters."
        )
    return found
