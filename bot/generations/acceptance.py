"""The one decision about every request, wherever it comes from: may it be, and what does it cost."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from bot.clock import Clock
from bot.credits.quota_rules import Bounds, LimitScope
from bot.credits.quotas import Given, Situation, SpendingPolicy, hold_all, look_up
from bot.errors import ReferenceRefused
from bot.generations.account import ProviderAccount
from bot.generations.house_rules import HouseRules, check_rules
from bot.generations.refusals import (
    DiskShort,
    MissingPermissions,
    NotAllowedHere,
    OutOfBounds,
    PersonalUseOff,
    QueueFull,
    ServerPaused,
    ServicePaused,
    TooManyAtOnce,
    TooManyRunning,
)
from bot.generations.repository import DraftRow, GenerationsRepository
from bot.generations.sources import check_sources
from bot.generations.standing import provider_left
from bot.generations.states import RequestState
from bot.generations.store import FileStore
from bot.generations.values import Accepted, Attachment, Draft, GenerationRequest, Origin, Quote
from bot.rivya import Catalogue
from bot.storage import Connection, Database

log = structlog.get_logger(__name__)

RESULT_ROOM_BYTES = 40 * 1024 * 1024
"""Reserved for one result: a 4096² PNG of noise is about 48 MB, a real one 15 to 30 (measured on the sandbox's)."""

_MAY_BE_IMAGES = ("image/", "application/octet-stream")
_KINDS = {"application/pdf": "a PDF", "video/": "a video", "audio/": "a sound", "text/": "a text"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What the operator allows, beside credits."""

    allowed_guilds: frozenset[int]
    spending: SpendingPolicy
    max_running_per_member: int
    max_waiting: int
    disk_reserve_bytes: int


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A request that the model can take, priced."""

    request: GenerationRequest
    origin: Origin
    model: str
    options: Mapping[str, str]
    prices: Mapping[str, int]


class _OnlyLooked(Exception):
    def __init__(self, quote: Quote) -> None:
        super().__init__()
        self.quote = quote


class Acceptance:
    """Accepts, quotes, and keeps drafts. Speaks to no network."""

    def __init__(
        self,
        *,
        database: Database,
        catalogue: Catalogue,
        limits: Limits,
        account: ProviderAccount,
        store: FileStore,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._limits = limits
        self._account = account
        self._store = store
        self._clock = clock
        self._new_id = new_id

    async def accept(self, request: GenerationRequest, origin: Origin) -> Accepted:
        """Check everything and hold the price: one transaction, nothing sent, not runnable until acknowledged.

        Raises BadOption, ReferenceRefused, a Refused or QuotaExceeded; nothing is held then. The same event
        (``origin``'s source) twice, or the same draft, gives the first request again.
        """
        request_id = self._new_id()
        wanted = self._wanted(request, origin, request_id)
        free_bytes, now_ms = self._store.free_bytes(), self._clock.now_ms()

        async def work(tx: Connection) -> Accepted:
            rows = GenerationsRepository(tx)
            known = await self._known(rows, origin)
            if known is not None:
                return known
            situation = await self._look_up(tx, origin, now_ms)
            account_id, holds = await self._check_and_hold(tx, wanted, situation, free_bytes)
            await self._write(rows, wanted, request_id, account_id, situation.given, now_ms)
            await rows.references.add(request_id, request.references)
            await rows.pictures.add(request_id, holds, wanted.prices)
            if origin.draft_id is not None:
                await rows.drafts.take(origin.draft_id, request_id)
            return Accepted(request_id, sum(wanted.prices.values()))

        accepted = await self._database.write(work)
        log.info(
            "request.accepted",
            request_id=accepted.request_id,
            cost_credits=accepted.cost_credits,
            count=request.count,
            references=len(request.references),
            guild_id=origin.guild_id,
            user_id=origin.user_id,
            source_kind=origin.source_kind,
            source_id=origin.source_id,
            repeated=accepted.repeated,
        )
        return accepted

    async def quote(self, request: GenerationRequest, origin: Origin) -> Quote:
        """Say what a request would cost, after every check that ``accept`` makes; nothing is held or written.

        Raises what ``accept`` raises.
        """
        wanted = self._wanted(request, origin, self._new_id())
        free_bytes, now_ms = self._store.free_bytes(), self._clock.now_ms()

        async def work(tx: Connection) -> None:
            situation = await self._look_up(tx, origin, now_ms)
            await self._check_and_hold(tx, wanted, situation, free_bytes)
            cost = sum(wanted.prices.values())
            raise _OnlyLooked(Quote(cost, cost // request.count, situation.balance, situation.bounds))

        try:
            await self._database.write(work)
        except _OnlyLooked as looked:
            return looked.quote
        raise AssertionError("a quote ends by being rolled back")

    def _wanted(self, request: GenerationRequest, origin: Origin, request_id: str) -> _Wanted:
        spec = self._catalogue.open_model(request.model)
        options = spec.check(prompt=request.prompt, options=request.options, reference_count=len(request.references))
        for image in request.references:
            # A finished picture may be larger than that: it is made to fit.
            if image.size_bytes > spec.reference_max_bytes and image.kind != "picture":
                limit = spec.reference_max_bytes // 1_000_000
                size = image.size_bytes / 1_000_000
                raise ReferenceRefused(image.filename, f"is {size:.0f} MB; {spec.label} takes at most {limit} MB each.")
            # Its bytes say what it is; but what Discord knows to be something else need not be fetched for that.
            said = image.content_type if isinstance(image, Attachment) else None
            if said is not None and not said.startswith(_MAY_BE_IMAGES):
                kind = next((words for start, words in _KINDS.items() if said.startswith(start)), "no image")
                raise ReferenceRefused(image.filename, f"is {kind}. JPEG, PNG and WebP images work.")
        if origin.guild_id is None:
            if self._limits.spending.personal_credits_per_month == 0:
                raise PersonalUseOff
        elif self._limits.allowed_guilds and origin.guild_id not in self._limits.allowed_guilds:
            raise NotAllowedHere
        if origin.missing_permissions and not request.private:
            raise MissingPermissions(origin.missing_permissions)
        if self._account.closed:
            raise ServicePaused(self._account.closed_code or "")
        price = self._catalogue.price_credits(spec.id, options.get("resolution"))
        prices = {f"{request_id}-{position}": price for position in range(1, request.count + 1)}
        return _Wanted(request, origin, spec.id, options, prices)

    async def _known(self, rows: GenerationsRepository, origin: Origin) -> Accepted | None:
        """Return what an event, or a draft, has become already."""
        known = await rows.requests.of_event(origin.source_kind, origin.source_id)
        request_id = known.id if known is not None else None
        if request_id is None and origin.draft_id is not None:
            draft = await rows.drafts.get(origin.draft_id)
            request_id = draft.request_id if draft is not None else None
        if request_id is None:
            return None
        cost = sum(picture.price_credits for picture in await rows.pictures.of(request_id))
        return Accepted(request_id, cost, repeated=True, pressed_again=known is None)

    async def _look_up(self, tx: Connection, origin: Origin, now_ms: int) -> Situation:
        return await look_up(tx, self._limits.spending, origin.spender, now_ms=now_ms)

    async def _check_and_hold(
        self, tx: Connection, wanted: _Wanted, situation: Situation, free_bytes: int
    ) -> tuple[int, dict[str, int]]:
        if situation.paused:
            raise ServerPaused
        rows = GenerationsRepository(tx)
        spec = self._catalogue.get(wanted.model)
        rules = await check_rules(
            tx,
            wanted.request,
            wanted.origin,
            spec=spec,
            account_id=situation.account_id,
            now_ms=situation.now_ms,
        )
        ours_bytes = await check_sources(tx, wanted.request, wanted.origin, situation.now_ms)
        self._check_bounds(wanted, situation.bounds, rules)
        await self._check_room(rows, wanted, situation.bounds, free_bytes, ours_bytes)
        return await hold_all(tx, situation, wanted.prices, provider_left_credits=await provider_left(rows))

    def _check_bounds(self, wanted: _Wanted, bounds: Bounds, house: HouseRules) -> None:
        """Keep to what the server's quotas say of models, resolution and count; offer what its settings take, too."""
        resolution, count = wanted.options.get("resolution"), wanted.request.count
        said = []
        if not bounds.allows_model(wanted.model):
            labels = [spec.label for spec in house.models_of(self._catalogue) if bounds.allows_model(spec.id)]
            others = f"You can use {' or '.join(labels)}." if labels else "No other model may be used either."
            said.append(
                f"By this server's quotas you can't use {self._catalogue.get(wanted.model).label} here. {others} "
                "Admins see why in /quota explain."
            )
        if not bounds.allows_resolution(resolution):
            said.append(
                f"By this server's quotas your pictures have at most {bounds.resolution} here, not {resolution}."
            )
        if not bounds.allows_count(count):
            most = "one picture" if bounds.count == 1 else f"{bounds.count} pictures"
            said.append(f"By this server's quotas you can ask for at most {most} at once here, not {count}.")
        if said:
            raise OutOfBounds(bounds, tuple(said))

    async def _check_room(
        self, rows: GenerationsRepository, wanted: _Wanted, bounds: Bounds, free_bytes: int, ours_bytes: int
    ) -> None:
        count, spender = wanted.request.count, wanted.origin.spender
        crowd = await rows.pictures.crowd(
            user_id=spender.user_id, guild_id=spender.guild_id, channel_id=spender.channel_id
        )
        if crowd.mine + count > self._limits.max_running_per_member:
            raise TooManyAtOnce(crowd.mine, self._limits.max_running_per_member)
        for scope, running, most in (
            (LimitScope.MEMBER, crowd.running, bounds.running),
            (LimitScope.CHANNEL, crowd.running_in_channel, bounds.running_in_channel),
            (LimitScope.GUILD, crowd.running_in_server, bounds.running_in_server),
        ):
            if most is not None and running >= most:
                raise TooManyRunning(scope, running=running, limit=most)
        waiting = crowd.pictures
        if waiting + count > self._limits.max_waiting:
            raise QueueFull
        incoming = sum(image.size_bytes for image in wanted.request.references if isinstance(image, Attachment))
        promised = (waiting + count) * RESULT_ROOM_BYTES + 2 * incoming + ours_bytes
        if free_bytes < promised + self._limits.disk_reserve_bytes:
            log.error("disk.short", free_bytes=free_bytes, promised_bytes=promised)
            raise DiskShort

    async def _write(
        self,
        rows: GenerationsRepository,
        wanted: _Wanted,
        request_id: str,
        account_id: int,
        given: Given,
        now_ms: int,
    ) -> None:
        request, origin = wanted.request, wanted.origin
        parent = request.parent
        await rows.requests.add(
            id=request_id,
            source_kind=origin.source_kind,
            source_id=origin.source_id,
            account_id=account_id,
            user_id=origin.user_id,
            guild_id=origin.guild_id,
            channel_id=origin.channel_id,
            model=wanted.model,
            prompt=request.prompt,
            options=json.dumps(dict(wanted.options)),
            picture_count=request.count,
            private=int(request.private),
            notify=int(request.notify),
            locale=origin.locale,
            state=RequestState.ACCEPTED,
            application_id=origin.application_id,
            interaction_token=origin.interaction_token,
            token_expires_at_ms=origin.token_expires_at_ms,
            upload_limit_bytes=origin.upload_limit_bytes,
            created_at_ms=now_ms,
            parent_id=parent.request_id if parent is not None else None,
            parent_position=parent.position if parent is not None else None,
            derived_as=parent.derived_as if parent is not None else None,
            style=request.style,
            place=origin.place,
            place_guild_id=origin.place_guild_id if origin.place_guild_id is not None else origin.guild_id,
            quota_channel_id=origin.spender.channel_id,
            quota_period=given.period,
            quota_credits=given.credits,
        )

    # --- drafts: what a button or a modal will ask for ---

    async def keep_draft(self, request: GenerationRequest, *, user_id: int, guild_id: int | None, life_s: float) -> str:
        """Keep a request that may be asked for later by one press of ``user_id``; returns the draft's id (16 hex)."""
        now_ms = self._clock.now_ms()
        draft = DraftRow(
            id=secrets.token_hex(8),
            user_id=user_id,
            guild_id=guild_id,
            request=request.model_dump_json(),
            created_at_ms=now_ms,
            expires_at_ms=now_ms + int(life_s * 1000),
            request_id=None,
        )
        await self._database.write(lambda tx: GenerationsRepository(tx).drafts.add(draft))
        return draft.id

    async def draft(self, draft_id: str) -> Draft | None:
        """Return a draft, expired or taken or not; None when it was never there, or is long forgotten."""
        row = await self._database.look(lambda tx: GenerationsRepository(tx).drafts.get(draft_id))
        if row is None:
            return None
        return Draft(
            id=row.id,
            user_id=row.user_id,
            guild_id=row.guild_id,
            request=GenerationRequest.model_validate_json(row.request),
            expired=row.expires_at_ms <= self._clock.now_ms(),
            request_id=row.request_id,
        )
