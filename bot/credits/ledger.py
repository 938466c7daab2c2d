"""Credits as an append-only ledger: a small set of verbs, each inside the caller's transaction.

A *grant* gives, a *hold* reserves, a *capture* takes what was held (or less), a *void* gives it back, a *refund* gives
back what was captured, an *adjust* books on the operator's own accounts. A balance is a sum. What the verbs promise the
database's triggers enforce as well: at most one capture or void per hold, refunds within their capture, nothing is ever
changed or deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bot.credits.quota_rules import Limit
from bot.credits.repository import CreditsRepository, Entry, Leg
from bot.credits.windows import Period
from bot.storage import Connection

LATE_GRANT_MS = 24 * 3600 * 1000
"""Credits that come back after the grant that they are of has expired can be used for so long at least."""


@dataclass(frozen=True, slots=True)
class Balance:
    """How a person stands. Credits; ``allowance_credits`` None means that there is no limit on them.

    ``used_credits`` are those of the running ``period``, which ends at ``resets_at_ms``. ``ceiling`` is what leaves the
    least of all that is shared with others: their channel's, their server's.
    """

    allowance_credits: int | None
    used_credits: int
    on_hold_credits: int
    granted_credits: int
    resets_at_ms: int
    period: Period = Period.MONTH
    ceiling: Limit | None = None

    @property
    def own_credits(self) -> int | None:
        """What they have left themselves, whatever others have used. None: no limit."""
        if self.allowance_credits is None:
            return None
        return max(self.allowance_credits - self.used_credits, 0) + self.granted_credits

    @property
    def left_credits(self) -> int | None:
        """What can still be spent now; the tightest limit decides. None: there is none."""
        own, shared = self.own_credits, self.ceiling.left_credits if self.ceiling is not None else None
        return min((left for left in (own, shared) if left is not None), default=None)

    @property
    def is_capped(self) -> bool:
        """Whether less is left to all together than to this one."""
        return self.left_credits != self.own_credits

    @property
    def renewed_at_ms(self) -> int:
        """When there is more again: the end of the tightest limit's window."""
        return self.ceiling.window.end_ms if self.is_capped and self.ceiling is not None else self.resets_at_ms


@dataclass(frozen=True, slots=True)
class Purse:
    """What an account may draw on now: of its allowance ``window_credits`` (None: any number), then on its grants.

    What is drawn counts for ``guild_id`` and ``channel_id``.
    """

    account_id: int
    window_credits: int | None
    guild_id: int | None = None
    channel_id: int | None = None


@dataclass(frozen=True, slots=True)
class Captured:
    """What a capture took: from the member, and what the operator bore beyond the price shown."""

    charged_credits: int
    variance_credits: int


class Ledger:
    """The verbs of money on one transaction at one instant (``now_ms``)."""

    def __init__(self, connection: Connection, now_ms: int) -> None:
        self._rows = CreditsRepository(connection)
        self._now_ms = now_ms

    async def member_account(self, *, guild_id: int | None, user_id: int) -> int:
        """Return the account of a person in a guild (None: personal), opening it at first use.

        Somebody who was forgotten and comes back within the window gets the account that they had.
        """
        found = await self._rows.find_owned(guild_id=guild_id, user_id=user_id)
        if found is not None:
            return found
        found = await self._rows.find_forgotten(guild_id=guild_id, user_id=user_id)
        if found is not None:
            await self._rows.own(found, guild_id=guild_id, user_id=user_id)
            return found
        return await self._rows.open_member_account(guild_id=guild_id, user_id=user_id, now_ms=self._now_ms)

    async def grant(
        self,
        account_id: int,
        amount_credits: int,
        *,
        actor: str,
        reason: str,
        expires_at_ms: int | None = None,
        picture_id: str | None = None,
    ) -> int:
        """Give extra credits, used when the window's allowance is empty; returns the entry's id.

        ``picture_id`` names the picture that it stands for, when it is one's refund.
        """
        if amount_credits <= 0:
            raise ValueError("a grant gives at least one credit")
        return await self._rows.insert_entry(
            account_id=account_id, kind="grant", amount_credits=amount_credits, actor=actor, reason=reason,
            now_ms=self._now_ms, expires_at_ms=expires_at_ms, picture_id=picture_id,
        )  # fmt: skip

    async def hold(self, purse: Purse, prices: Mapping[str, int]) -> dict[str, int] | None:
        """Reserve the price of each picture; returns their holds, or None when there is not enough for all of them.

        Draws on the window's allowance first, then on grants, soonest expiry first.
        """
        drawn = await self._draw(purse, prices)
        if drawn is None:
            return None
        holds = {
            picture_id: await self._rows.insert_entry(
                account_id=purse.account_id, kind="hold", amount_credits=price, actor="member", reason="picture",
                now_ms=self._now_ms, picture_id=picture_id,
            )
            for picture_id, price in prices.items()
        }  # fmt: skip
        await self._rows.insert_legs(
            purse.account_id, {holds[picture_id]: of_picture for picture_id, of_picture in drawn.items()}
        )
        return holds

    async def _draw(self, purse: Purse, prices: Mapping[str, int]) -> dict[str, list[Leg]] | None:
        cost = sum(prices.values())
        in_window = cost if purse.window_credits is None else min(purse.window_credits, cost)
        places: list[tuple[int | None, int]] = [(None, in_window)]
        if in_window < cost:
            grants = await self._rows.grants_left(purse.account_id, self._now_ms)
            places += [(grant.grant_id, grant.left_credits) for grant in grants]
        if sum(left for _, left in places) < cost:
            return None
        drawn: dict[str, list[Leg]] = {picture_id: [] for picture_id in prices}
        for picture_id, price in prices.items():
            missing = price
            while missing:
                place, left = places[0]
                share = min(missing, left)
                if share:
                    leg = Leg(place, share, self._now_ms, purse.guild_id, purse.channel_id)
                    drawn[picture_id].append(leg)
                missing -= share
                places[:1] = [(place, left - share)] if left > share else []
        return drawn

    async def capture(self, hold_id: int, final_credits: int) -> Captured:
        """Take what the provider took, at most the price that was held; the rest is free again, as after ``void``.

        What the provider took beyond the price shown goes to the operator's variance account.
        """
        hold = await self._hold(hold_id)
        charged = min(max(final_credits, 0), hold.amount_credits)
        capture_id = await self._settle(hold, "capture", charged, actor="engine", reason="picture")
        if charged < hold.amount_credits:
            await self._free(capture_id, hold, hold.amount_credits - charged)
        over = max(final_credits - hold.amount_credits, 0)
        if over:
            await self._adjust("variance", over, picture_id=hold.picture_id, reason="price above the one shown")
        return Captured(charged, over)

    async def void(self, hold_id: int, *, reason: str) -> None:
        """Give a hold back to where it was drawn from.

        In a grant that has expired meanwhile it would be worth nothing: as much is granted anew, for the time that was
        left when it was held, and for a day at least.
        """
        hold = await self._hold(hold_id)
        void_id = await self._settle(hold, "void", hold.amount_credits, actor="engine", reason=reason)
        await self._free(void_id, hold, hold.amount_credits)

    async def is_settled(self, hold_id: int) -> bool:
        """Tell whether a hold was captured or voided."""
        return await self._rows.settlement_of(hold_id) is not None

    async def book_loss(self, amount_credits: int, *, picture_id: str, reason: str) -> None:
        """Book on the operator's loss account what was (or may have been) paid for nothing."""
        if amount_credits:
            await self._adjust("loss", amount_credits, picture_id=picture_id, reason=reason)

    async def correct_loss(self, taken_credits: int, *, picture_id: str, reason: str) -> int:
        """Book the difference where a loss was booked and the provider says since that it took ``taken_credits``.

        Returns the difference, negative when it took less. A picture without a loss gets none here.
        """
        booked = await self._rows.borne_for(picture_id, "loss")
        difference = max(taken_credits, 0) - booked if booked else 0
        if difference:
            await self._adjust("loss", difference, picture_id=picture_id, reason=reason)
        return difference

    async def refund(self, picture_id: str, amount_credits: int, *, actor: str, reason: str, open_since_ms: int) -> int:
        """Give back credits that a picture cost; returns the refund's id.

        What can be used again where it was drawn from goes back there: to a grant that has not expired, then to the
        window, which is open since ``open_since_ms``. A closed window is never rewritten, and in an expired grant
        credits are worth nothing: that part comes back as a new grant, which names the picture and does not expire.
        When the *hold* was made decides, not when it was captured, since the window was charged for it then.

        What channel, server and operator's account may spend is not raised by it: the provider keeps what it was paid.

        Raises ValueError when the picture was not paid for; the database refuses more than the capture.
        """
        if amount_credits <= 0:
            raise ValueError("a refund gives back at least one credit")
        capture = await self._rows.capture_of_picture(picture_id)
        if capture is None or capture.settles_id is None:
            raise ValueError("only a picture that was paid for can be refunded")
        refund_id = await self._rows.insert_entry(
            account_id=capture.account_id, kind="refund", amount_credits=amount_credits, actor=actor, reason=reason,
            now_ms=self._now_ms, settles_id=capture.id, picture_id=picture_id,
        )  # fmt: skip
        drawn = await self._drawn(capture.settles_id, capture.id, *await self._rows.refunds_of(capture.id))
        usable = [leg for leg in drawn if await self._is_open(leg, open_since_ms)]
        back = await self._give_back(refund_id, capture.account_id, usable, amount_credits)
        late = amount_credits + sum(leg.amount_credits for leg in back)
        if late:
            await self.grant(
                capture.account_id, late, actor=actor, reason=f"refund: {reason}", picture_id=picture_id
            )  # fmt: skip
        return refund_id

    async def statement(self, account_id: int, limit: int) -> list[Entry]:
        """Return the newest entries, newest first, without the holds that are settled."""
        return await self._rows.latest(account_id, limit)

    async def _hold(self, hold_id: int) -> Entry:
        hold = await self._rows.entry(hold_id)
        if hold is None or hold.kind != "hold":
            raise ValueError(f"{hold_id} is not a hold")
        return hold

    async def _settle(self, hold: Entry, kind: str, amount: int, *, actor: str, reason: str) -> int:
        return await self._rows.insert_entry(
            account_id=hold.account_id, kind=kind, amount_credits=amount, actor=actor, reason=reason,
            now_ms=self._now_ms, settles_id=hold.id, picture_id=hold.picture_id,
        )  # fmt: skip

    async def _drawn(self, *entry_ids: int) -> list[Leg]:
        # What a hold still uses of each place after what was given back since, in the order in which it was drawn.
        drawn: dict[int | None, Leg] = {}
        for leg in await self._rows.legs_of(*entry_ids):
            before = drawn[leg.grant_id].amount_credits if leg.grant_id in drawn else 0
            drawn[leg.grant_id] = replace(leg, amount_credits=before + leg.amount_credits)
        return list(drawn.values())

    async def _is_open(self, leg: Leg, open_since_ms: int) -> bool:
        if leg.grant_id is None:
            return leg.dated_at_ms >= open_since_ms
        grant = await self._rows.entry(leg.grant_id)
        return grant is not None and (grant.expires_at_ms is None or grant.expires_at_ms > self._now_ms)

    async def _free(self, entry_id: int, hold: Entry, amount: int) -> None:
        for leg in await self._give_back(entry_id, hold.account_id, await self._drawn(hold.id), amount):
            grant = await self._rows.entry(leg.grant_id) if leg.grant_id is not None else None
            if grant is None or grant.expires_at_ms is None or grant.expires_at_ms > self._now_ms:
                continue
            life_ms = max(grant.expires_at_ms - hold.created_at_ms, LATE_GRANT_MS)
            await self.grant(
                hold.account_id, -leg.amount_credits, actor="engine", reason="back after they had expired",
                expires_at_ms=self._now_ms + life_ms, picture_id=hold.picture_id,
            )  # fmt: skip

    async def _give_back(self, entry_id: int, account_id: int, drawn: list[Leg], amount: int) -> list[Leg]:
        # Grants come free first: they last longer than the window. Returns what found a place.
        back: list[Leg] = []
        for leg in sorted(drawn, key=lambda leg: leg.grant_id is None):
            share = min(amount, leg.amount_credits)
            if share > 0:
                back.append(replace(leg, amount_credits=-share))
                amount -= share
        await self._rows.insert_legs(account_id, {entry_id: back})
        return back

    async def _adjust(self, kind: str, amount: int, *, picture_id: str | None, reason: str) -> None:
        account_id = await self._rows.operator_account(kind, self._now_ms)
        entry_id = await self._rows.insert_entry(
            account_id=account_id, kind="adjust", amount_credits=amount, actor="engine", reason=reason,
            now_ms=self._now_ms, picture_id=picture_id,
        )  # fmt: skip
        await self._rows.insert_legs(account_id, {entry_id: [Leg(None, amount, self._now_ms)]})
