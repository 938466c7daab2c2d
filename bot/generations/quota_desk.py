"""What admins ask and change of who may spend what: each change with its line in the log, as one transaction.

Who may use it is for the caller to know. Speaks to no network.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, assert_never

import structlog

from bot.clock import Clock
from bot.credits.ledger import Ledger
from bot.credits.quota_repository import DraftChange, LogLine, QuotaRepository, SetRule, values_of
from bot.credits.quota_rules import Rule, Scope, Spender
from bot.credits.quotas import Situation, SpendingPolicy, look_up
from bot.credits.windows import Period, Window, window_of, zone_of, zones_like
from bot.errors import BotError
from bot.generations.quota_changes import (
    MOST_RULES,
    Change,
    Footing,
    GrantChange,
    RefundChange,
    RuleChange,
    RuleRemoval,
    ZoneChange,
    change_of,
    merged,
    monthly,
)
from bot.generations.repository import GenerationsRepository, LineKind, PaidPicture
from bot.generations.standing import Standing, stand
from bot.storage import Connection, Database

log = structlog.get_logger(__name__)

DRAFT_S = 15 * 60
LOG_PAGE = 5
LOOKED_THROUGH = 200
"""Of a server's newest paid pictures so many are looked through while somebody types."""
_ZONE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9/_+ -]{0,39}")
_LINK = re.compile(r"https://(?:\w+\.)?discord(?:app)?\.com/channels/\d+/\d+/(?P<message_id>\d{1,20})")


class ChangeRefused(BotError):
    """A change can't be made as it was asked for; ``user_message`` says why. Nothing was changed."""

    code = "change_refused"


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rules of a server, and its time zone (None: never set, which is UTC)."""

    rules: tuple[SetRule, ...]
    time_zone: str | None


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many credits each ``period``; with Period.NONE there is no limit. ``own``: the server's admins set it."""

    credits: int | None
    period: Period
    own: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """What /setup and /settings show of a server's quotas: what each member may spend, by which clocks, how many rules.

    ``model_rules`` are those that say which models may be used; ``usual_credits`` is what the operator set for each
    member and month (None: any number).
    """

    allowance: Allowance
    time_zone: str = "UTC"
    rules: int = 0
    model_rules: int = 0
    usual_credits: int | None = None


@dataclass(frozen=True, slots=True)
class Over:
    """How many members have used more already than a rule would allow, and the most that one has."""

    members: int
    most_credits: int
    window: Window


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rule would change: the rule before, who is over it already, and how one member would stand."""

    before: SetRule | None
    over: Over | None
    standing: Situation | None = None
    standing_then: Situation | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What a change came to. ``repeated``: the same event had made it before, and nothing was changed now."""

    line: LogLine
    repeated: bool = False


class QuotaDesk:
    """The one door for admins."""

    def __init__(self, database: Database, spending: SpendingPolicy, clock: Clock) -> None:
        self._database = database
        self._spending = spending
        self._clock = clock

    # --- looking ---

    async def book(self, guild_id: int) -> RuleBook:
        """Return all rules of a server."""

        async def work(tx: Connection) -> RuleBook:
            rows = QuotaRepository(tx)
            return RuleBook(tuple(await rows.rules(guild_id)), await rows.time_zone(guild_id))

        return await self._database.look(work)

    async def overview(self, guild_id: int) -> Overview:
        """Return how a server's quotas stand, in short."""
        book = await self.book(guild_id)
        rules = [found.rule for found in book.rules]
        return Overview(
            self._allowance(next((rule for rule in rules if rule.scope is Scope.EVERYONE), None)),
            book.time_zone or "UTC",
            len(rules),
            sum(rule.models is not None for rule in rules),
            self._spending.member_credits_per_month,
        )

    def _allowance(self, everyones: Rule | None) -> Allowance:
        if everyones is not None and everyones.period is not None:
            return Allowance(everyones.credits, everyones.period, own=True)
        usual = self._spending.member_credits_per_month
        return Allowance(usual, Period.NONE if usual is None else Period.MONTH, own=False)

    async def for_everyone(self, guild_id: int, credits_a_month: int | None, *, reason: str) -> RuleChange:
        """Return the change by which each member may spend so much; what else the rule for everyone says stays.

        None: any number.
        """
        found = await self.rule(guild_id, Scope.EVERYONE, 0)
        period = Period.NONE if credits_a_month is None else Period.MONTH
        given = {"period": period, "credits": credits_a_month}
        return merged(found.rule if found is not None else None, Scope.EVERYONE, 0, given, reason)

    async def back_to_usual(self, guild_id: int, *, reason: str) -> RuleChange | RuleRemoval | None:
        """Return the change by which each member may spend what the operator set; None: that is so already.

        What else the rule for everyone says stays; a rule that says nothing else goes.
        """
        found = await self.rule(guild_id, Scope.EVERYONE, 0)
        if found is None or found.rule.period is None:
            return None
        change = merged(found.rule, Scope.EVERYONE, 0, {"period": None, "credits": None}, reason)
        if change.rule.aspects:
            return change
        return RuleRemoval(scope=Scope.EVERYONE, before=values_of(found.rule), reason=reason)

    async def is_large(self, guild_id: int, change: Change, *, house_models: Sequence[str] = ()) -> bool:
        """Tell whether a change is to be confirmed as it stands now; ``house_models``: those the settings allow."""
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> bool:
            everyones = await QuotaRepository(tx).rule(guild_id, Scope.EVERYONE, 0)
            usual = self._spending.member_credits_per_month
            if everyones is not None and isinstance(change, RuleChange) and change.scope is not Scope.EVERYONE:
                usual = monthly(everyones.rule.period, everyones.rule.credits, usual)
            return change.is_large(
                Footing(usual, await self._used_up(tx, guild_id, change, now_ms), tuple(house_models))
            )

        return await self._database.look(work)

    async def _used_up(self, tx: Connection, guild_id: int, change: Change, now_ms: int) -> bool:
        """Tell whether a ceiling would be reached at once, so that nobody could ask for anything more."""
        if not isinstance(change, RuleChange) or change.scope not in {Scope.CHANNEL, Scope.SERVER}:
            return False
        nobody = Spender(0, guild_id, channel_id=change.subject_id or None)
        situation = await look_up(tx, self._spending, nobody, now_ms=now_ms, trying=change.rule)
        return any(limit.rule == change.rule and limit.left_credits == 0 for limit in situation.ceilings)

    async def rule(self, guild_id: int, scope: Scope, subject_id: int) -> SetRule | None:
        """Return one rule."""
        return await self._database.look(lambda tx: QuotaRepository(tx).rule(guild_id, scope, subject_id))

    async def explain(self, spender: Spender) -> Standing:
        """Return how a member stands: every limit, which binds, and what else may keep them from making pictures."""
        now_ms = self._clock.now_ms()
        return await self._database.look(lambda tx: stand(tx, self._spending, spender, now_ms=now_ms))

    async def preview(self, guild_id: int, rule: Rule, spender: Spender | None = None) -> Preview:
        """Say what would come of a rule, for all and for one member, without setting it."""
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> Preview:
            rows = QuotaRepository(tx)
            zone = zone_of(await rows.time_zone(guild_id))
            before = await rows.rule(guild_id, rule.scope, rule.subject_id)
            over = await _over(rows, guild_id, rule, now_ms, zone)
            if spender is None:
                return Preview(before, over)
            return Preview(
                before,
                over,
                await look_up(tx, self._spending, spender, now_ms=now_ms),
                await look_up(tx, self._spending, spender, now_ms=now_ms, trying=rule),
            )

        return await self._database.look(work)

    async def history(self, guild_id: int, page: int) -> tuple[list[LogLine], int, int]:
        """Return a page of a server's log (1 is the newest; past the last is the last), the page and their number."""

        async def work(tx: Connection) -> tuple[list[LogLine], int, int]:
            rows = QuotaRepository(tx)
            _, total = await rows.latest(guild_id, limit=0, offset=0)
            pages = max(-(-total // LOG_PAGE), 1)
            shown = min(max(page, 1), pages)
            lines, _ = await rows.latest(guild_id, limit=LOG_PAGE, offset=(shown - 1) * LOG_PAGE)
            return lines, shown, pages

        return await self._database.look(work)

    async def refundable(self, guild_id: int, *, user_id: int | None = None) -> Sequence[PaidPicture]:
        """Return the newest pictures of a server (of one member) of which something can be refunded."""
        found = await self._database.look(
            lambda tx: GenerationsRepository(tx).refunds.latest(guild_id, user_id=user_id, limit=LOOKED_THROUGH)
        )
        return [picture for picture in found if picture.left_credits > 0]

    # --- changing ---

    async def keep(self, guild_id: int, change: Change, *, by: int) -> str:
        """Keep a change for one press of ``by``; returns the id of the draft (16 hex)."""
        now_ms = self._clock.now_ms()
        draft = DraftChange(secrets.token_hex(8), guild_id, by, change.model_dump(mode="json"), now_ms + DRAFT_S * 1000)
        await self._database.write(lambda tx: QuotaRepository(tx).keep_draft(draft, now_ms=now_ms))
        return draft.id

    async def confirm(self, guild_id: int, draft_id: str, *, by: int) -> Done:
        """Make a change that was kept, once. Raises ChangeRefused."""
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> Done:
            rows = QuotaRepository(tx)
            known = await rows.of_event(draft_id)
            if known is not None and known.guild_id == guild_id:
                return Done(known, repeated=True)
            draft = await rows.draft(draft_id)
            if draft is None or draft.guild_id != guild_id or draft.expires_at_ms <= now_ms:
                raise ChangeRefused(user_message="This is no longer open; nothing was changed. Please ask again.")
            if draft.user_id != by:
                raise ChangeRefused(user_message="Only whoever asked for this change can confirm it.")
            await rows.drop_draft(draft_id)
            return await _make(tx, guild_id, change_of(draft.change), by, draft_id, now_ms)

        return self._told(await self._database.write(work))

    async def change(self, guild_id: int, change: Change, *, by: int, event_id: str) -> Done:
        """Make a change at once; the same event makes it once. Raises ChangeRefused."""
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> Done:
            known = await QuotaRepository(tx).of_event(event_id)
            if known is not None:
                return Done(known, repeated=True)
            return await _make(tx, guild_id, change, by, event_id, now_ms)

        return self._told(await self._database.write(work))

    def _told(self, done: Done) -> Done:
        line = done.line
        log.info(
            "quota.changed",
            action=line.action,
            scope=line.scope,
            subject_id=line.subject_id,
            guild_id=line.guild_id,
            user_id=line.actor_id,
            entry_id=line.entry_id,
            repeated=done.repeated,
        )
        return done


async def _make(tx: Connection, guild_id: int, change: Change, by: int, event_id: str, now_ms: int) -> Done:
    scope, subject_id, before, after, entry_id = await _carry_out(tx, guild_id, change, by, now_ms)
    rows = QuotaRepository(tx)
    await rows.log(
        guild_id,
        actor_id=by,
        action=change.action,
        scope=scope,
        subject_id=subject_id,
        before=before,
        after=after,
        reason=change.reason,
        event_id=event_id,
        entry_id=entry_id,
        now_ms=now_ms,
    )
    line = await rows.of_event(event_id)
    if line is None:
        raise AssertionError("a line that was just written")
    await GenerationsRepository(tx).log_lines.add(guild_id, LineKind.QUOTA, now_ms, ref=str(line.id))
    return Done(line)


_Made = tuple[str, int, Mapping[str, Any] | None, Mapping[str, Any] | None, int | None]
"""Scope, subject, before, after, entry."""


async def _carry_out(tx: Connection, guild_id: int, change: Change, by: int, now_ms: int) -> _Made:
    match change:
        case RuleChange():
            return await _set(tx, guild_id, change, by, now_ms)
        case RuleRemoval():
            found = await _unchanged(tx, guild_id, change)
            rows = QuotaRepository(tx)
            subject_id = await rows.logged_as(guild_id, found) if found is not None else change.subject_id
            await rows.remove(guild_id, change.scope, change.subject_id)
            return change.scope, subject_id, change.before, None, None
        case GrantChange():
            ledger = Ledger(tx, now_ms)
            account_id = await ledger.member_account(guild_id=guild_id, user_id=change.user_id)
            expires_at_ms = change.expires_at_ms(now_ms)
            entry_id = await ledger.grant(
                account_id, change.credits, actor="admin", reason=change.reason or "granted",
                expires_at_ms=expires_at_ms,
            )  # fmt: skip
            after = {"credits": change.credits, "expires_at_ms": expires_at_ms}
            return Scope.MEMBER, change.user_id, None, after, entry_id
        case RefundChange():
            return await _refund(tx, guild_id, change, now_ms)
        case ZoneChange():
            name = _zone(change.name)
            rows = QuotaRepository(tx)
            before = await rows.time_zone(guild_id)
            await rows.set_time_zone(guild_id, name, set_by=by, now_ms=now_ms)
            return Scope.SERVER, 0, {"time_zone": before}, {"time_zone": name}, None
    assert_never(change)


def _zone(typed: str) -> str:
    """Return the time zone that somebody means. Raises ChangeRefused, with those that they may have meant."""
    found = zones_like(typed)
    if len(found) == 1:
        return found[0]
    # What is no name by its letters is not said again: on a card it might be more than text.
    said = f"the time zone “{typed.strip()}”" if _ZONE_NAME.fullmatch(typed.strip()) else "that time zone"
    meant = f" Did you mean {' or '.join(found[:3])}?" if found else ""
    raise ChangeRefused(
        user_message=f"I don't know {said}.{meant} They are named after a large city: Europe/Berlin, "
        "America/New_York, Asia/Kolkata; or UTC."
    )


async def _set(tx: Connection, guild_id: int, change: RuleChange, by: int, now_ms: int) -> _Made:
    rule, rows = change.rule, QuotaRepository(tx)
    if not rule.aspects:
        raise ChangeRefused(user_message="Say what the rule is to allow: credits, a resolution, models …")
    await _unchanged(tx, guild_id, change)
    if change.before is None and await rows.count(guild_id) >= MOST_RULES:
        raise ChangeRefused(user_message=f"A server has at most {MOST_RULES} rules. Remove one that is not needed.")
    await rows.put(guild_id, rule, reason=change.reason, set_by=by, now_ms=now_ms)
    return change.scope, change.subject_id, change.before, values_of(rule), None


async def _unchanged(tx: Connection, guild_id: int, change: RuleChange | RuleRemoval) -> SetRule | None:
    """See that what the admin was shown still stands: else they would undo what they have not seen."""
    found = await QuotaRepository(tx).rule(guild_id, change.scope, change.subject_id)
    if (values_of(found.rule) if found is not None else None) != change.before:
        raise ChangeRefused(user_message="Somebody has changed this rule meanwhile, so I left it. Please look again.")
    return found


async def _refund(tx: Connection, guild_id: int, change: RefundChange, now_ms: int) -> _Made:
    rows = GenerationsRepository(tx)
    picture = await _picture(rows, guild_id, change.picture_id)
    if picture is None:
        raise ChangeRefused(user_message="I find no picture of this server there that somebody paid for.")
    if not picture.left_credits:
        raise ChangeRefused(user_message="All that this picture cost was given back already.")
    amount = change.credits if change.credits is not None else picture.left_credits
    if amount > picture.left_credits:
        raise ChangeRefused(
            user_message=f"Of what this picture cost {picture.left_credits} credits can still be given back, no more."
        )
    entry_id = await Ledger(tx, now_ms).refund(
        picture.id, amount, actor="admin", reason=change.reason or "refunded",
        open_since_ms=await open_since(tx, guild_id, picture.quota_period, now_ms),
    )  # fmt: skip
    before = {"credits": picture.refunded_credits, "of": picture.charged_credits, "picture": picture.id}
    return Scope.MEMBER, picture.user_id, before, {"credits": amount, "picture": picture.id}, entry_id


async def _picture(rows: GenerationsRepository, guild_id: int, which: str) -> PaidPicture | None:
    link = _LINK.fullmatch(which.strip())
    if link is None:
        return await rows.refunds.get(guild_id, which)
    request = await rows.requests.of_message(int(link["message_id"]))
    if request is None:
        return None
    paid = [await rows.refunds.get(guild_id, picture.id) for picture in await rows.pictures.of(request.id)]
    there = [picture for picture in paid if picture is not None]
    return next((picture for picture in there if picture.left_credits), there[0] if there else None)


async def open_since(tx: Connection, guild_id: int, bound_by: str | None, now_ms: int) -> int:
    """Return since when what was drawn on an allowance can go back to it, whatever rule is looked at it by.

    Given back to a window that is closed by the rule of today, it would be lost to the member.
    """
    rows = QuotaRepository(tx)
    zone = zone_of(await rows.time_zone(guild_id))
    periods = {Period(bound_by) if bound_by is not None else Period.MONTH}
    shared = {Scope.CHANNEL, Scope.SERVER}
    rules = [found.rule for found in await rows.rules(guild_id) if found.rule.scope not in shared]
    periods |= {rule.period for rule in rules if rule.period is not None}
    return max(window_of(period, now_ms, zone).start_ms for period in periods)


async def _over(rows: QuotaRepository, guild_id: int, rule: Rule, now_ms: int, zone: tzinfo) -> Over | None:
    """Say who has used more than a rule allows; of roles and newcomers only Discord knows whom they are."""
    if rule.period is None or rule.credits is None or rule.scope is not Scope.EVERYONE:
        return None
    window = window_of(rule.period, now_ms, zone)
    members, most = await rows.over(guild_id, credits_allowed=rule.credits, start_ms=window.start_ms)
    return Over(members, most, window)
