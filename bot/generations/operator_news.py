"""What operators are told by direct message, once each: the account is low, closed, open again; a price is doubted.

What was told is a row, written together with how it stood; so a restart repeats nothing and forgets nothing. The closed
gate itself is remembered here, too: after a restart nothing is taken that could not be paid for.

A key that can read but not order opens the gate with every reading and closes it with the next order. Only the first
closing is told; that it is over, when something was submitted again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import structlog

from bot.clock import Clock
from bot.generations.account import CREDITS_FACT, ProviderAccount
from bot.generations.outlook import Outlook, outlook_of
from bot.generations.protocols import Delivery, DeliveryError, DeliveryFault, Notice, NoticeKind
from bot.generations.repository import GenerationsRepository, NoticeRow
from bot.rivya import ApiScopeDenied, InsufficientCredits
from bot.storage import Connection, Database

log = structlog.get_logger(__name__)

GATE_FACT: Final = "operator.gate"
LOW_FACT: Final = "operator.low"
PRICES_FACT: Final = "operator.prices"
"""Prices that were doubted and are still to be told, as a JSON list."""
_SHOWS_AT_ORDERS: Final = {ApiScopeDenied.code, InsufficientCredits.code}
"""A reading may go well although the next order will not."""
WELL_AGAIN: Final = 1.5
"""From so many times the threshold on it counts as filled up, and the next fall is told again."""
AT_ONCE: Final = 20
"""To each operator."""
TOO_LATE_S: Final = 24 * 3600
KEPT_S: Final = 30 * 24 * 3600
FIRST_WAIT_S: Final = 30.0
MOST_WAIT_S: Final = 15 * 60.0


@dataclass(frozen=True, slots=True)
class Threshold:
    """Below what the account counts as low; None or 0: never."""

    credits: int | None
    days: int | None

    def is_low(self, outlook: Outlook) -> bool:
        """Tell whether it has fallen below."""
        return self._below(outlook, 1.0)

    def is_well(self, outlook: Outlook) -> bool:
        """Tell whether it is well above again."""
        return not self._below(outlook, WELL_AGAIN)

    def _below(self, outlook: Outlook, times: float) -> bool:
        if outlook.free_credits is None:
            return False
        days_left = outlook.days_left
        return bool(
            (self.credits and outlook.free_credits < self.credits * times)
            or (self.days and days_left is not None and days_left < self.days * times)
        )


@dataclass(frozen=True, slots=True)
class _Gate:
    """How the gate stood when it was last looked at. ``proven``: something was submitted since it opened."""

    code: str | None = None
    since_ms: int = 0
    needed_credits: int = 0
    after: str | None = None
    proven: bool = True
    quiet: bool = False
    """Whether its end is to be told when something was submitted only, not with the first reading."""


class OperatorNews:
    """Looks at the account and sends what is to be told; called again and again by the engine."""

    def __init__(
        self,
        *,
        database: Database,
        account: ProviderAccount,
        delivery: Delivery,
        clock: Clock,
        operator_ids: frozenset[int],
        threshold: Threshold,
    ) -> None:
        self._database = database
        self._account = account
        self._delivery = delivery
        self._clock = clock
        self._operator_ids = sorted(operator_ids)
        self._threshold = threshold
        self._gate = _Gate()
        self._judged_ms: int | None = None
        self._waits_s: dict[int, float] = {}
        self._next_try_ms: dict[int, int] = {}

    async def begin(self) -> None:
        """Close the gate if it was closed when the process before ended."""

        async def look(tx: Connection) -> tuple[tuple[str, int] | None, tuple[str, int] | None]:
            memory = GenerationsRepository(tx).memory
            return await memory.fact(GATE_FACT), await memory.fact(CREDITS_FACT)

        found, reading = await self._database.look(look)
        if reading is not None:
            self._judged_ms = reading[1]  # that was then: the next reading is judged
        if found is None:
            return
        self._gate = gate = _Gate(**json.loads(found[0]))
        if gate.code is not None:
            self._account.restore(gate.code, since_ms=gate.since_ms, needed_credits=gate.needed_credits)
            log.warning("account.still_closed", code=gate.code, since_ms=gate.since_ms)

    async def tell(self) -> None:
        """Note what has changed, and send what waits, where it is time for another try."""
        await self._look_at_gate()
        await self._look_at_credits()
        await self._look_at_prices()
        await self._send()

    # --- what has changed ---

    async def _look_at_gate(self) -> None:
        before, now_ms = self._gate, self._clock.now_ms()
        after, news = self._step(before)
        if after == before:
            return
        facts = {"code": after.code or after.after or before.after, "since_ms": after.since_ms or before.since_ms}

        async def work(tx: Connection) -> None:
            memory = GenerationsRepository(tx).memory
            await memory.remember(GATE_FACT, json.dumps(asdict(after)), now_ms)
            if news is NoticeKind.OPENED:
                await memory.remember(LOW_FACT, "0", now_ms)  # how little there is is said once more
            if news is not None:
                await self._add(tx, news, facts, now_ms)

        await self._database.write(work)
        self._gate = after

    def _step(self, before: _Gate) -> tuple[_Gate, NoticeKind | None]:
        account = self._account
        code = account.closed_code
        if code is not None:
            now = _Gate(code, account.closed_since_ms or 0, account.needed_credits, proven=False)
            if code == before.code:
                return replace(now, quiet=before.quiet), None
            again = before.code is None and not before.proven and before.after == code and code in _SHOWS_AT_ORDERS
            return replace(now, quiet=again), None if again else NoticeKind.CLOSED
        if before.code is not None:
            # A key that lacks a scope can be read with: that says nothing.
            quiet = before.quiet or before.code == ApiScopeDenied.code
            opened = _Gate(None, before.since_ms, 0, after=before.code, proven=False, quiet=quiet)
            return opened, None if quiet else NoticeKind.OPENED
        if not before.proven and account.has_worked:
            return _Gate(), NoticeKind.OPENED if before.quiet else None
        return before, None

    async def _look_at_credits(self) -> None:
        if self._account.closed:  # they are told worse; how little there is counts when it is over
            return
        now_ms = self._clock.now_ms()

        async def read(tx: Connection) -> int | None:
            reading = await GenerationsRepository(tx).memory.fact(CREDITS_FACT)
            return reading[1] if reading is not None else None

        read_at_ms = await self._database.look(read)
        if read_at_ms is None or read_at_ms == self._judged_ms:
            return

        async def work(tx: Connection) -> None:
            memory = GenerationsRepository(tx).memory
            await GenerationsRepository(tx).operator.drop_notices(now_ms - KEPT_S * 1000, still_told=self._operator_ids)
            outlook, _ = await outlook_of(tx, now_ms)
            stored = await memory.fact(LOW_FACT)
            was_low = stored is not None and stored[0] == "1"
            low = self._threshold.is_low(outlook) if not was_low else not self._threshold.is_well(outlook)
            if low == was_low:
                return
            await memory.remember(LOW_FACT, str(int(low)), now_ms)
            if low:
                await self._add(tx, NoticeKind.LOW, _facts(outlook), now_ms)

        await self._database.write(work)
        self._judged_ms = read_at_ms

    async def _look_at_prices(self) -> None:
        if await self._database.look(_doubted_prices):
            now_ms = self._clock.now_ms()

            async def work(tx: Connection) -> None:
                for facts in await _doubted_prices(tx):
                    await self._add(tx, NoticeKind.PRICE, facts, now_ms)
                await GenerationsRepository(tx).memory.remember(PRICES_FACT, "[]", now_ms)

            await self._database.write(work)

    async def _add(self, tx: Connection, kind: NoticeKind, facts: Mapping[str, Any], now_ms: int) -> None:
        rows = GenerationsRepository(tx).operator
        for operator_id in self._operator_ids:
            await rows.add_notice(operator_id, kind, facts, now_ms)

    # --- sending ---

    async def _send(self) -> None:
        now_ms = self._clock.now_ms()
        due = [one for one in self._operator_ids if self._next_try_ms.get(one, 0) <= now_ms]

        async def look(tx: Connection) -> list[list[NoticeRow]]:
            operator = GenerationsRepository(tx).operator
            return [await operator.open_notices(one, limit=AT_ONCE) for one in due]

        for operator_id, waiting in zip(due, await self._database.look(look), strict=True):
            await self._send_all(operator_id, waiting)  # to each apart: whoever can't be reached holds up nobody else

    async def _send_all(self, operator_id: int, waiting: Sequence[NoticeRow]) -> None:
        """Send what waits for one operator, in its order; what could not be sent stays, and is tried again later."""
        well = True
        for row in waiting:
            try:
                await self._send_one(row)
            except (DeliveryError, OSError) as error:  # the next one would not get through either
                log.info("operator.told_later", user_id=operator_id, kind=row.kind, error=type(error).__name__)
                well = False
                break
            except Exception:  # a mistake of ours, with this one: it waits, and the others go before it
                log.exception("operator.not_told_yet", user_id=operator_id, kind=row.kind, notice_id=row.id)
                well = False
        if well:
            self._waits_s.pop(operator_id, None)
            self._next_try_ms.pop(operator_id, None)
            return
        wait_s = self._waits_s.get(operator_id, FIRST_WAIT_S)
        self._waits_s[operator_id] = min(wait_s * 2, MOST_WAIT_S)
        self._next_try_ms[operator_id] = self._clock.now_ms() + int(wait_s * 1000)

    async def _send_one(self, row: NoticeRow) -> None:
        """Send one and note what became of it. Raises DeliveryError where it may get through another time."""
        now_ms = self._clock.now_ms()
        if now_ms - row.created_at_ms > TOO_LATE_S * 1000:
            await self._end(row, "too late")
            return
        notice = Notice(NoticeKind(row.kind), row.created_at_ms, json.loads(row.facts))
        try:
            await self._delivery.tell_operator(row.operator_id, notice, nonce=f"operator-{row.id}")
        except DeliveryError as error:
            if error.fault is DeliveryFault.TRANSIENT:
                raise
            log.warning("operator.not_told", user_id=row.operator_id, kind=row.kind, fault=error.fault)
            await self._end(row, "closed to us" if error.fault is DeliveryFault.NO_ACCESS else "rejected")
            return
        await self._end(row, "sent")
        log.info("operator.told", user_id=row.operator_id, kind=row.kind)

    async def _end(self, row: NoticeRow, outcome: str) -> None:
        now_ms = self._clock.now_ms()
        await self._database.write(lambda tx: GenerationsRepository(tx).operator.end_notice(row.id, outcome, now_ms))


async def note_doubted_price(tx: Connection, said: Mapping[str, Any], now_ms: int) -> None:
    """Have operators told of a price that an answer named and that is not believed; ``said`` are the notice's facts."""
    waiting = [*await _doubted_prices(tx), dict(said)]
    await GenerationsRepository(tx).memory.remember(PRICES_FACT, json.dumps(waiting), now_ms)


async def _doubted_prices(tx: Connection) -> list[dict[str, Any]]:
    found = await GenerationsRepository(tx).memory.fact(PRICES_FACT)
    return list(json.loads(found[0])) if found is not None else []


def _facts(outlook: Outlook) -> dict[str, Any]:
    return {
        "free_credits": outlook.free_credits,
        "days_left": outlook.days_left,
        "pace_credits_per_day": outlook.pace_credits_per_day,
        "pace_days": outlook.pace_days,
    }
