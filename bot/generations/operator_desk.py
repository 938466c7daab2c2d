"""What the operator asks and changes: the account, each server's allowance and pause, what was borne, the log.

Who may use it is for the caller to know. Speaks to no network: a new reading is asked of whoever watches the account.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from bot.clock import Clock
from bot.credits.quota_repository import DraftChange, QuotaRepository
from bot.credits.quotas import SpendingPolicy
from bot.credits.windows import month_of
from bot.errors import BotError
from bot.generations.account import ProviderAccount
from bot.generations.outlook import Outlook, outlook_of
from bot.generations.repository import (
    BookRow,
    DeskRow,
    GenerationsRepository,
    GuildLimitsRow,
    OperatorLogRow,
    ServerWorkRow,
)
from bot.storage import Connection, Database

log = structlog.get_logger(__name__)

MOST_ALLOWED = 100_000_000
REASON_LIMIT = 200
BOOKS_PAGE = 6
LOG_PAGE = 6
DRAFT_S = 15 * 60
_DRAFT = "op-"
"""Before the ids of changes that wait: what admins keep has none, so neither's button can make the other's change."""


class DeskRefused(BotError):
    """Something can't be changed as it was asked for; nothing was."""

    code = "desk_refused"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a server may spend a month. ``own``: set for it, else the setting's; None: unlimited."""

    own: bool
    credits: int | None


@dataclass(frozen=True, slots=True)
class ServerStands:
    """How a server stands with the operator."""

    guild_id: int
    allowance: Allowance
    used_credits: int
    resets_at_ms: int
    paused_at_ms: int | None = None
    pause_reason: str | None = None
    changes: tuple[OperatorLogRow, ...] = ()

    @property
    def left_credits(self) -> int | None:
        """What it may still spend this month."""
        return None if self.allowance.credits is None else max(self.allowance.credits - self.used_credits, 0)


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether submission is open; else why, since when, and when the account is asked again."""

    closed_code: str | None
    closed_since_ms: int | None
    unread_code: str | None
    next_read_at_ms: int | None


@dataclass(frozen=True, slots=True)
class DeskStands:
    """Everything on the first card."""

    outlook: Outlook
    gate: Gate
    desk: DeskRow
    borne: Mapping[str, tuple[int, int]]
    """By kind: this month, and ever."""
    servers: tuple[ServerStands, ...]
    """Those that spent this month or have something of their own, the greatest spender first."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change came to."""

    line: OperatorLogRow
    stands: ServerStands
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A change that takes effect for many at once, kept for one press of who asked for it.

    ``allowance``: what the server is to have; None: it is to be paused.
    """

    draft_id: str
    stands: ServerStands
    allowance: Allowance | None
    work: ServerWorkRow
    reason: str


class OperatorDesk:
    """The one door for operators."""

    def __init__(
        self,
        database: Database,
        account: ProviderAccount,
        spending: SpendingPolicy,
        clock: Clock,
        *,
        paused: Callable[[], None],
    ) -> None:
        self._database = database
        self._account = account
        self._default = spending.guild_credits_per_month
        self._clock = clock
        self._paused = paused

    @property
    def default_credits(self) -> int | None:
        """What a server may spend a month for which nothing was set; None: unlimited."""
        return self._default

    # --- looking ---

    async def status(self) -> DeskStands:
        """Return how everything stands."""
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> DeskStands:
            rows = GenerationsRepository(tx).operator
            outlook, desk = await outlook_of(tx, now_ms)
            borne = await rows.borne(month_of(now_ms).start_ms)
            return DeskStands(outlook, self._gate(), desk, borne, await self._servers(tx, now_ms))

        return await self._database.look(work)

    async def read_again(self) -> DeskStands:
        """Read the key again and ask the account now; returns how everything stands then."""
        await self._account.read_now()
        return await self.status()

    async def servers(self) -> tuple[ServerStands, ...]:
        """Return the servers that spent this month or have something of their own, the greatest spender first."""
        now_ms = self._clock.now_ms()
        return await self._database.look(lambda tx: self._servers(tx, now_ms))

    async def server(self, guild_id: int) -> ServerStands:
        """Return how one server stands."""
        now_ms = self._clock.now_ms()
        return await self._database.look(lambda tx: self._server(tx, guild_id, now_ms))

    async def offered(self, present: Sequence[int], digits: str, *, limit: int) -> dict[int, bool]:
        """Return servers to choose from, and whether each is paused; asked for with every key that is pressed.

        First those of ``present``, then others for which something was set and whose id contains ``digits``, if any.
        """

        async def work(tx: Connection) -> dict[int, bool]:
            rows = GenerationsRepository(tx).operator
            shown = list(present[:limit])
            found = {row.guild_id: row for row in await rows.limits_of(shown)}
            if digits and len(shown) < limit:
                like = {row.guild_id: row for row in await rows.limits_like(digits, limit=limit)}
                shown += [guild_id for guild_id in like if guild_id not in shown]
                found |= like
            return {one: one in found and found[one].paused_at_ms is not None for one in shown[:limit]}

        return await self._database.look(work)

    async def knows(self, guild_id: int) -> bool:
        """Tell whether something was ever set for a server, or used in it."""
        return await self._database.look(lambda tx: GenerationsRepository(tx).operator.knows(guild_id))

    async def books(self, page: int) -> tuple[list[BookRow], int, int, Mapping[str, tuple[int, int]]]:
        """Return a page of what was borne (1 is the newest), the page, their number, and the sums by kind."""
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> tuple[list[BookRow], int, int, Mapping[str, tuple[int, int]]]:
            rows = GenerationsRepository(tx).operator
            shown, pages = _paged(page, await rows.booked(), BOOKS_PAGE)
            found = await rows.books(limit=BOOKS_PAGE, offset=(shown - 1) * BOOKS_PAGE)
            return found, shown, pages, await rows.borne(month_of(now_ms).start_ms)

        return await self._database.look(work)

    async def history(self, page: int) -> tuple[list[OperatorLogRow], int, int]:
        """Return a page of the log (1 is the newest), the page and their number."""

        async def work(tx: Connection) -> tuple[list[OperatorLogRow], int, int]:
            rows = GenerationsRepository(tx).operator
            shown, pages = _paged(page, await rows.log_count(), LOG_PAGE)
            return await rows.latest(limit=LOG_PAGE, offset=(shown - 1) * LOG_PAGE), shown, pages

        return await self._database.look(work)

    def _gate(self) -> Gate:
        account = self._account
        return Gate(account.closed_code, account.closed_since_ms, account.unread_code, account.next_read_at_ms)

    async def _servers(self, tx: Connection, now_ms: int) -> tuple[ServerStands, ...]:
        rows, month = GenerationsRepository(tx).operator, month_of(now_ms)
        used = await rows.used_by_guild(month.start_ms)
        limits = {row.guild_id: row for row in await rows.all_limits()}
        found = [
            self._stands(guild_id, limits.get(guild_id), used.get(guild_id, 0), month.end_ms)
            for guild_id in used.keys() | limits.keys()
        ]
        return tuple(sorted(found, key=lambda one: (-one.used_credits, one.guild_id)))

    async def _server(self, tx: Connection, guild_id: int, now_ms: int) -> ServerStands:
        rows, month = GenerationsRepository(tx).operator, month_of(now_ms)
        used = await rows.used_by(guild_id, month.start_ms)
        stands = self._stands(guild_id, await rows.limits(guild_id), used, month.end_ms)
        return replace(stands, changes=tuple(await rows.latest(limit=3, offset=0, guild_id=guild_id)))

    def _stands(self, guild_id: int, row: GuildLimitsRow | None, used: int, resets_at_ms: int) -> ServerStands:
        own = row is not None and bool(row.own_allowance)
        return ServerStands(
            guild_id=guild_id,
            allowance=Allowance(own, row.allowance_credits if row is not None and own else self._default),
            used_credits=used,
            resets_at_ms=resets_at_ms,
            paused_at_ms=row.paused_at_ms if row is not None else None,
            pause_reason=row.pause_reason if row is not None else None,
        )

    # --- asking first ---

    async def ask_allow(self, guild_id: int, allowance: Allowance, *, by: int, reason: str) -> Asked | None:
        """Keep a cut of what a server may spend until ``by`` confirms it; None: it is no cut. Raises DeskRefused."""
        values = _values_of(allowance)
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> Asked | None:
            stands = await self._server(tx, guild_id, now_ms)
            credits_then = allowance.credits if allowance.own else self._default
            if not _is_less(credits_then, stands.allowance.credits):
                return None
            wanted = replace(allowance, credits=credits_then)
            return await self._keep(tx, "allowance", stands, values, wanted, by=by, reason=reason, now_ms=now_ms)

        return await self._database.write(work)

    async def ask_pause(self, guild_id: int, *, by: int, reason: str) -> Asked:
        """Keep a pause of a server until ``by`` confirms it. Raises DeskRefused when it is paused already."""
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> Asked:
            _check("pause", await _limits(tx, guild_id))
            stands = await self._server(tx, guild_id, now_ms)
            return await self._keep(tx, "pause", stands, {}, None, by=by, reason=reason, now_ms=now_ms)

        return await self._database.write(work)

    async def confirm(self, draft_id: str, *, by: int) -> Changed:
        """Make a change that was kept, once. Raises DeskRefused."""
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> Changed:
            event_id = f"{_DRAFT}{draft_id}"
            known = await GenerationsRepository(tx).operator.of_event(event_id)
            if known is not None:
                return Changed(known, await self._server(tx, known.guild_id, now_ms), repeated=True)
            rows = QuotaRepository(tx)
            draft = await rows.draft(event_id)
            if draft is None or draft.expires_at_ms <= now_ms:
                raise DeskRefused(user_message="This is no longer open; nothing was changed. Please ask again.")
            if draft.user_id != by:
                raise DeskRefused(user_message="Only whoever asked for this change can confirm it.")
            action, values, reason = (draft.change[name] for name in ("action", "values", "reason"))
            if action == "allowance" and _allowed(await _limits(tx, draft.guild_id)) != draft.change["before"]:
                raise DeskRefused(
                    user_message="Its allowance was changed meanwhile, so I left it as it is. Please look again."
                )
            await rows.drop_draft(event_id)
            if action == "pause":
                values = _paused_values(reason, now_ms)
            return await self._carry_out(
                tx, action, draft.guild_id, values, by=by, reason=reason, event_id=event_id, now_ms=now_ms
            )

        return self._told(await self._database.write(work))

    async def _keep(
        self,
        tx: Connection,
        action: str,
        stands: ServerStands,
        values: Mapping[str, Any],
        allowance: Allowance | None,
        *,
        by: int,
        reason: str,
        now_ms: int,
    ) -> Asked:
        draft_id, guild_id, reason = secrets.token_hex(8), stands.guild_id, _tidy(reason)
        change = {
            "action": action,
            "values": dict(values),
            "before": _allowed(await _limits(tx, guild_id)),
            "reason": reason,
        }
        draft = DraftChange(f"{_DRAFT}{draft_id}", guild_id, by, change, now_ms + DRAFT_S * 1000)
        await QuotaRepository(tx).keep_draft(draft, now_ms=now_ms)
        work = await GenerationsRepository(tx).operator.in_server(guild_id)
        return Asked(draft_id, stands, allowance, work, reason)

    # --- changing ---

    async def allow(self, guild_id: int, allowance: Allowance, *, by: int, reason: str, event_id: str) -> Changed:
        """Set what a server may spend a month: its own allowance, or the setting's. Raises DeskRefused."""
        values = _values_of(allowance)
        return await self._change("allowance", guild_id, values, by=by, reason=reason, event_id=event_id)

    async def pause(self, guild_id: int, *, by: int, reason: str, event_id: str) -> Changed:
        """Take no more requests of a server, and give back what was not submitted; what was goes on.

        Raises DeskRefused when it is paused already.
        """
        now_ms = self._clock.now_ms()
        values = _paused_values(reason, now_ms)
        return await self._change("pause", guild_id, values, by=by, reason=reason, event_id=event_id)

    async def resume(self, guild_id: int, *, by: int, reason: str, event_id: str) -> Changed:
        """Take a server's requests again. Raises DeskRefused when it is not paused."""
        values = {"paused_at_ms": None, "pause_reason": None}
        return await self._change("resume", guild_id, values, by=by, reason=reason, event_id=event_id)

    async def _change(
        self, action: str, guild_id: int, values: Mapping[str, Any], *, by: int, reason: str, event_id: str
    ) -> Changed:
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> Changed:
            known = await GenerationsRepository(tx).operator.of_event(event_id)
            if known is not None:
                return Changed(known, await self._server(tx, known.guild_id, now_ms), repeated=True)
            return await self._carry_out(
                tx, action, guild_id, values, by=by, reason=reason, event_id=event_id, now_ms=now_ms
            )

        return self._told(await self._database.write(work))

    async def _carry_out(
        self,
        tx: Connection,
        action: str,
        guild_id: int,
        values: Mapping[str, Any],
        *,
        by: int,
        reason: str,
        event_id: str,
        now_ms: int,
    ) -> Changed:
        rows = GenerationsRepository(tx).operator
        before = await _limits(tx, guild_id)
        _check(action, before)
        after = replace(before, **values)
        await rows.put_limits(after)
        await rows.log(
            operator_id=by,
            action=action,
            guild_id=guild_id,
            value_before=json.dumps(_plain(before)),
            value_after=json.dumps(_plain(after)),
            reason=_tidy(reason),
            event_id=event_id,
            created_at_ms=now_ms,
        )
        line = await rows.of_event(event_id)
        if line is None:
            raise AssertionError("a line that was just written")
        return Changed(line, await self._server(tx, guild_id, now_ms))

    def _told(self, changed: Changed) -> Changed:
        line = changed.line
        log.warning(
            "operator.changed",
            action=line.action,
            guild_id=line.guild_id,
            by=line.operator_id,
            repeated=changed.repeated,
        )
        if line.action == "pause":
            self._paused()
        return changed


async def _limits(tx: Connection, guild_id: int) -> GuildLimitsRow:
    found = await GenerationsRepository(tx).operator.limits(guild_id)
    return found if found is not None else GuildLimitsRow(guild_id, 0, None, None, None)


def _allowed(row: GuildLimitsRow) -> list[int | None]:
    return [row.own_allowance, row.allowance_credits]


def _values_of(allowance: Allowance) -> dict[str, Any]:
    if allowance.own and allowance.credits is not None and not 0 <= allowance.credits <= MOST_ALLOWED:
        raise DeskRefused(user_message=f"An allowance is from 0 to {MOST_ALLOWED:,} credits.")
    return {"own_allowance": int(allowance.own), "allowance_credits": allowance.credits if allowance.own else None}


def _paused_values(reason: str, now_ms: int) -> dict[str, Any]:
    return {"paused_at_ms": now_ms, "pause_reason": _tidy(reason)}


def _is_less(then: int | None, now: int | None) -> bool:
    """Tell whether ``then`` allows less than ``now``; None: no limit."""
    return then is not None and (now is None or then < now)


def _check(action: str, before: GuildLimitsRow) -> None:
    if action == "pause" and before.paused_at_ms is not None:
        raise DeskRefused(user_message="This server is paused already. Nothing was changed.")
    if action == "resume" and before.paused_at_ms is None:
        raise DeskRefused(user_message="This server is not paused. Nothing was changed.")


def _plain(row: GuildLimitsRow) -> dict[str, Any]:
    return {
        "own": bool(row.own_allowance),
        "credits": row.allowance_credits,
        "paused": row.paused_at_ms is not None,
    }


def _tidy(reason: str) -> str:
    return " ".join(reason.split())[:REASON_LIMIT]


def _paged(page: int, total: int, of: int) -> tuple[int, int]:
    pages = max(-(-total // of), 1)
    return min(max(page, 1), pages), pages
