"""Reads rows into the frozen views that cards are drawn from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from bot.clock import Clock
from bot.credits.ledger import Balance
from bot.credits.quota_rules import Spender
from bot.credits.quotas import Given, SpendingPolicy, balance_of
from bot.credits.windows import Period
from bot.generations.repository import DeliveryRow, GenerationsRepository, PictureRow, RequestRow
from bot.generations.settling import WRITE_OFF_AFTER_S
from bot.generations.states import DeliveryState, PictureState, SourceKind
from bot.generations.values import Derived, PictureView, Place, ReferenceView, RelativeView, RequestView
from bot.rivya import Catalogue, DurationBook
from bot.storage import Connection, Database


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the database knows of some requests, from one snapshot; by their ids."""

    requests: Sequence[RequestRow]
    deliveries: Mapping[str, DeliveryRow]
    pictures: Mapping[str, Sequence[PictureView]]
    references: Mapping[str, Sequence[ReferenceView]]
    parents: Mapping[str, RelativeView]
    galleries: Collection[int]
    exhibited: Mapping[str, tuple[int, ...]]
    balances: Mapping[str, Balance]
    telling_of_private: Collection[int]
    """The servers whose log shows the prompts of private pictures."""


class Views:
    """Builds RequestViews; ``position`` tells a request's place in the queue."""

    def __init__(
        self,
        *,
        database: Database,
        catalogue: Catalogue,
        durations: DurationBook,
        spending: SpendingPolicy,
        clock: Clock,
        position: Callable[[str], int | None],
        max_running: int,
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._durations = durations
        self._spending = spending
        self._clock = clock
        self._position = position
        self._max_running = max_running

    async def view(self, request_id: str) -> RequestView | None:
        """Return the view of one request with its owner's balance, all from one snapshot."""
        gathered = await self._database.look(lambda tx: self.gather_one(tx, request_id))
        return self.draw(gathered)[0] if gathered is not None else None

    async def of(self, tx: Connection, found: Sequence[RequestRow], *, with_balance: bool = False) -> list[RequestView]:
        """Return the views of several requests, in their order; on the event loop only."""
        return self.draw(await self.gather(tx, found, with_balance=with_balance))

    async def gather_one(self, tx: Connection, request_id: str) -> Gathered | None:
        """Read what the view of one request is made of, with its owner's balance; None when there is none."""
        request = await GenerationsRepository(tx).requests.get(request_id)
        return await self.gather(tx, [request], with_balance=True) if request is not None else None

    async def gather(self, tx: Connection, found: Sequence[RequestRow], *, with_balance: bool = False) -> Gathered:
        """Read what views are made of; on any thread, since nothing but rows is looked at."""
        rows = GenerationsRepository(tx)
        ids = [request.id for request in found]
        deliveries = {delivery.request_id: delivery for delivery in await rows.deliveries.of(*ids)}
        pictures: defaultdict[str, list[PictureView]] = defaultdict(list)
        for picture in await rows.pictures.of(*ids):
            pictures[picture.request_id].append(
                PictureView(
                    id=picture.id,
                    position=picture.position,
                    state=picture.state,
                    price_credits=picture.price_credits,
                    charged_credits=picture.charged_credits,
                    path=picture.path,
                    mime=picture.mime,
                    width=picture.width,
                    height=picture.height,
                    size_bytes=picture.size_bytes,
                    failure_code=picture.failure_code,
                    failure_detail=picture.failure_detail,
                    submitted_at_ms=picture.submitted_at_ms,
                    hold_ends_at_ms=_hold_ends_at(picture),
                    finished_at_ms=picture.finished_at_ms,
                    bytes_dropped_at_ms=picture.bytes_dropped_at_ms,
                )
            )
        references: defaultdict[str, list[ReferenceView]] = defaultdict(list)
        for image in await rows.references.of(*ids):
            references[image.request_id].append(
                ReferenceView(
                    position=image.position,
                    filename=image.filename,
                    state=image.state,
                    id=str(image.id),
                    size_bytes=image.size_bytes or image.declared_bytes,
                    kept=image.path is not None,
                    source_kind=image.source_kind,
                    source_id=image.source_id,
                )
            )
        guild_ids = {request.place_guild_id for request in found if request.place_guild_id is not None}
        private_in = {r.guild_id for r in found if r.private and r.guild_id is not None}
        galleries = await rows.guilds.with_gallery(*guild_ids) if guild_ids else set()
        balances = {}
        if with_balance:
            now_ms = self._clock.now_ms()
            for request in found:
                balances[request.id] = await self._balance(tx, request, now_ms)
        return Gathered(
            requests=found,
            deliveries=deliveries,
            pictures=pictures,
            references=references,
            parents=await self.parents(tx, found),
            galleries=galleries,
            exhibited=await rows.gallery.channels(*ids) if galleries else {},
            balances=balances,
            telling_of_private=await rows.rules.telling_of_private(*private_in) if private_in else frozenset(),
        )

    def draw(self, gathered: Gathered) -> list[RequestView]:
        """Make views of what was read and of what is known in memory; on the event loop only."""
        pictures, references = gathered.pictures, gathered.references
        now_ms = self._clock.now_ms()
        views = []
        for request in gathered.requests:
            delivery = gathered.deliveries[request.id]
            position = self._position(request.id)
            lately_s = self._durations.lately_s(request.model, request.resolution)
            views.append(
                RequestView(
                    id=request.id,
                    user_id=request.user_id,
                    guild_id=request.guild_id,
                    channel_id=request.channel_id,
                    model=request.model,
                    model_label=self._catalogue.get(request.model).label,
                    prompt=request.prompt,
                    options=request.chosen,
                    private=bool(request.private),
                    notify=bool(request.notify),
                    locale=request.locale,
                    state=request.state,
                    created_at_ms=request.created_at_ms,
                    pictures=tuple(pictures[request.id]),
                    references=tuple(references[request.id]),
                    delivery=delivery.state,
                    message_id=request.message_id,
                    delivered_channel_id=delivery.channel_id,
                    delivered_message_id=delivery.message_id,
                    trouble=request.trouble,
                    queue_position=position,
                    expected_s=lately_s,
                    expected_at_ms=self._expected_at(pictures[request.id], position, lately_s, now_ms),
                    now_ms=now_ms,
                    balance=gathered.balances.get(request.id),
                    place=Place(request.place),
                    place_guild_id=request.place_guild_id,
                    style=request.style,
                    parent=gathered.parents.get(request.id),
                    removed_by=request.removed_by,
                    prices=self._catalogue.prices(request.model),
                    has_gallery=request.place_guild_id in gathered.galleries,
                    exhibited_in=gathered.exhibited.get(request.id, ()),
                    log_shows_private=bool(request.private) and request.guild_id in gathered.telling_of_private,
                    from_elsewhere=request.source_kind == SourceKind.ELSEWHERE,
                    forgotten=request.forgotten_at_ms is not None,
                )
            )
        return views

    async def _balance(self, tx: Connection, request: RequestRow, now_ms: int) -> Balance:
        """Return how its person stands now, by the allowance that bound when the request was accepted."""
        spender = Spender(request.user_id, request.guild_id, channel_id=request.quota_channel_id)
        if request.quota_period is not None:
            given = Given(Period(request.quota_period), request.quota_credits)
        else:
            given = Given(Period.MONTH, self._spending.allowance_of(request.guild_id))
        return await balance_of(tx, self._spending, spender, now_ms=now_ms, given=given)

    def _expected_at(
        self, made: Sequence[PictureView], position: int | None, lately_s: float | None, now_ms: int
    ) -> int | None:
        """Estimate when the last of a request's pictures comes, if all who wait want what takes as long.

        A place at the provider frees up once in ``lately_s`` for each of ``max_running``. None for what takes longer
        than usual by now.
        """
        if lately_s is None:
            return None
        each_ms = int(lately_s * 1000)
        sent = [picture for picture in made if picture.state in {PictureState.SUBMITTING, PictureState.PAINTING}]
        ends = [(picture.submitted_at_ms or now_ms) + each_ms for picture in sent]
        held = sum(picture.state is PictureState.HELD for picture in made)
        if held:
            ahead = position - 1 if position is not None else 0
            rounds = -(-(ahead + held) // self._max_running) if position is not None else 0
            ends.append(now_ms + (rounds + 1) * each_ms)
        last_ms = max(ends, default=None)
        return last_ms if last_ms is not None and last_ms > now_ms else None

    async def parents(self, tx: Connection, children: Sequence[RequestRow]) -> dict[str, RelativeView]:
        """Return what requests came of, by the children's ids."""
        wanted = {child.parent_id for child in children if child.parent_id is not None}
        if not wanted:
            return {}
        found = {row.id: row for row in await GenerationsRepository(tx).requests.some(*wanted)}
        places = await self._places(tx, *wanted)
        return {
            child.id: _relative(found[child.parent_id], child, places.get(child.parent_id))
            for child in children
            if child.parent_id in found
        }

    async def relatives(self, tx: Connection, children: Sequence[RequestRow]) -> list[RelativeView]:
        """Return requests as what came of another one."""
        places = await self._places(tx, *(child.id for child in children))
        return [_relative(child, child, places.get(child.id)) for child in children]

    async def _places(self, tx: Connection, *request_ids: str) -> dict[str, DeliveryRow]:
        deliveries = await GenerationsRepository(tx).deliveries.of(*request_ids)
        return {row.request_id: row for row in deliveries if row.state is DeliveryState.SHOWN}


def _relative(request: RequestRow, child: RequestRow, stands: DeliveryRow | None) -> RelativeView:
    """Return ``request``; ``child`` is the one of the two that says how they are related."""
    return RelativeView(
        id=request.id,
        user_id=request.user_id,
        guild_id=request.guild_id,
        private=bool(request.private),
        removed_by=request.removed_by,
        prompt=request.prompt,
        derived_as=Derived(child.derived_as or Derived.AGAIN),
        position=child.parent_position,
        created_at_ms=request.created_at_ms,
        place_guild_id=request.place_guild_id,
        channel_id=(stands.channel_id if stands is not None else None) or request.channel_id,
        message_id=stands.message_id if stands is not None else None,
    )


def _hold_ends_at(picture: PictureRow) -> int | None:
    if picture.state is PictureState.UNKNOWN:
        return picture.next_look_at_ms
    if picture.state is PictureState.OVERDUE and picture.submitted_at_ms is not None:
        return picture.submitted_at_ms + WRITE_OFF_AFTER_S * 1000
    return None
