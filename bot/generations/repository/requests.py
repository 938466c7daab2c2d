"""The queries of requests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from unicodedata import normalize

from sqlalchemy import ColumnElement, and_, bindparam, exists, func, insert, or_, select, union, update

from bot.generations.repository.base import (
    HAS_PARENT,
    HAS_WAITING,
    OPEN_PICTURE,
    OPEN_REQUEST,
    UNTOLD_VOID,
    Queries,
    Row,
    in_guild,
)
from bot.generations.states import DeliveryState, PictureState, RequestState
from bot.storage.request_tables import deliveries, pictures, requests
from bot.storage.server_tables import gallery_posts

VOID_NEWS_S = 15 * 60
"""For this long somebody is told that their request was not taken; an interaction's token lives as long."""


@dataclass(frozen=True, slots=True)
class RequestRow(Row):
    """A row of ``requests``."""

    STATES = RequestState

    id: str
    source_kind: str
    source_id: str
    account_id: int
    user_id: int
    guild_id: int | None
    channel_id: int
    model: str
    prompt: str
    options: str
    picture_count: int
    private: int
    notify: int
    locale: str
    state: RequestState
    trouble: str | None
    application_id: int
    interaction_token: str | None
    token_expires_at_ms: int
    message_id: int | None
    upload_limit_bytes: int
    created_at_ms: int
    acknowledged_at_ms: int | None
    settled_at_ms: int | None
    hidden_at_ms: int | None
    parent_id: str | None
    parent_position: int | None
    derived_as: str | None
    style: str | None
    place: str
    place_guild_id: int | None
    removed_at_ms: int | None
    removed_by: int | None
    void_told_at_ms: int | None
    quota_channel_id: int | None
    quota_period: str | None
    quota_credits: int | None
    forgotten_at_ms: int | None

    @property
    def chosen(self) -> dict[str, str]:
        """The complete options."""
        options: dict[str, str] = json.loads(self.options)
        return options

    @property
    def resolution(self) -> str | None:
        """The resolution, None for a model that has none."""
        return self.chosen.get("resolution")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a search of the history asks for: words of the prompt, a model, a time (``until_ms`` is not part of it)."""

    text: str = ""
    model: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    with_picture: bool = False
    """Only those of which a picture's bytes are kept."""

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return it as conditions."""
        found: list[ColumnElement[bool]] = [_has(word) for word in self.text.split()]
        if self.model is not None:
            found.append(requests.c.model == self.model)
        if self.since_ms is not None:
            found.append(requests.c.created_at_ms >= self.since_ms)
        if self.until_ms is not None:
            found.append(requests.c.created_at_ms < self.until_ms)
        if self.with_picture:
            found.append(exists().where(pictures.c.request_id == requests.c.id, pictures.c.path.is_not(None)))
        return found


def _has(word: str) -> ColumnElement[bool]:
    """Return the condition that a prompt has a word; SQLite itself knows upper and lower case of a to z only."""
    spelt = {form(word) for form in (str, str.lower, str.upper, str.capitalize)}
    spelt |= {normalize(form, word) for word in tuple(spelt) for form in ("NFC", "NFD")}
    return or_(*(requests.c.prompt.icontains(word, autoescape=True) for word in sorted(spelt)))


_GET = select(requests).where(requests.c.id == bindparam("which"))
_OF_EVENT = select(requests).where(
    requests.c.source_kind == bindparam("kind"), requests.c.source_id == bindparam("which")
)
_MOVE = update(requests).where(requests.c.id == bindparam("which"), requests.c.state == bindparam("before"))
_INSERT, _INSERT_DELIVERY = insert(requests), insert(deliveries)


class RequestQueries(Queries):
    """Requests: accepted, run, settled or void."""

    async def add(self, **values: Any) -> None:
        """Add a request with its delivery."""
        await self._connection.execute(_INSERT, values)
        await self._connection.execute(_INSERT_DELIVERY, {"request_id": values["id"], "state": DeliveryState.WAITING})

    async def get(self, request_id: str) -> RequestRow | None:
        """Return a request."""
        return await self._one(RequestRow, _GET, which=request_id)

    async def of_event(self, source_kind: str, source_id: str) -> RequestRow | None:
        """Return the request that an event made, if it made one."""
        return await self._one(RequestRow, _OF_EVENT, kind=source_kind, which=source_id)

    async def some(self, *request_ids: str) -> list[RequestRow]:
        """Return requests by their ids, in no order."""
        return await self._all(RequestRow, select(requests).where(requests.c.id.in_(request_ids)))

    async def by_end(self, user_id: int, end: str) -> RequestRow | None:
        """Return a person's newest request whose id ends so."""
        found = await self._all(
            RequestRow,
            select(requests)
            .where(requests.c.user_id == user_id, requests.c.id.endswith(end, autoescape=True))
            .order_by(requests.c.created_at_ms.desc())
            .limit(1),
        )
        return found[0] if found else None

    async def of_message(self, message_id: int) -> RequestRow | None:
        """Return the request whose result stands, or stood at first, in a message, or in a gallery's."""
        standing = union(
            select(requests.c.id).where(requests.c.message_id == message_id),
            select(deliveries.c.request_id).where(deliveries.c.message_id == message_id),
            select(pictures.c.request_id)
            .join(gallery_posts, gallery_posts.c.picture_id == pictures.c.id)
            .where(gallery_posts.c.message_id == message_id),
        )
        found = await self._all(RequestRow, select(requests).where(requests.c.id.in_(standing)).limit(1))
        return found[0] if found else None

    async def children_of(self, request_id: str, *, limit: int) -> list[RequestRow]:
        """Return the newest requests that came of a request, oldest first."""
        found = await self._all(
            RequestRow,
            select(requests)
            .where(
                HAS_PARENT,
                requests.c.parent_id == request_id,
                requests.c.state.in_((RequestState.RUNNING, RequestState.SETTLED)),
            )
            .order_by(requests.c.created_at_ms.desc())
            .limit(limit),
        )
        return found[::-1]

    async def open(self, state: RequestState) -> list[RequestRow]:
        """Return all requests that are ``state`` (ACCEPTED or RUNNING), oldest first."""
        return await self._all(
            RequestRow,
            select(requests).where(OPEN_REQUEST, requests.c.state == state).order_by(requests.c.created_at_ms),
        )

    async def running_of(self, user_id: int) -> list[RequestRow]:
        """Return a person's requests in work, newest first."""
        return await self._all(
            RequestRow,
            select(requests)
            .where(OPEN_REQUEST, requests.c.user_id == user_id, requests.c.state == RequestState.RUNNING)
            .order_by(requests.c.created_at_ms.desc()),
        )

    async def history(
        self,
        user_id: int,
        guild_id: int | None,
        *,
        limit: int,
        offset: int,
        wanted: Wanted | None = None,
        waiting_first: bool = False,
    ) -> tuple[list[RequestRow], int]:
        """Return a page of a person's taken requests in a guild, newest first, and how many there are.

        ``waiting_first``: before all others those with a picture that waits for its owner.
        """
        mine = and_(
            requests.c.user_id == user_id,
            in_guild(guild_id),
            requests.c.state != RequestState.VOID,
            requests.c.hidden_at_ms.is_(None),
            requests.c.forgotten_at_ms.is_(None),
            *(wanted.conditions() if wanted is not None else ()),
        )
        total = await self._count(select(func.count()).select_from(requests).where(mine))
        if not limit:
            return [], total
        newest = requests.c.created_at_ms.desc()
        order = [HAS_WAITING.desc(), newest] if waiting_first else [newest]
        found = await self._all(
            RequestRow,
            select(requests).where(mine).order_by(*order).limit(limit).offset(offset),
        )
        return found, total

    async def oldest_in_work(self) -> int | None:
        """Return when the oldest request with a picture in work was acknowledged; late and unknown ones only wait."""
        found: int | None = await self._connection.scalar(
            select(func.min(requests.c.acknowledged_at_ms))
            .select_from(requests.join(pictures))
            .where(
                OPEN_REQUEST,
                requests.c.state == RequestState.RUNNING,
                OPEN_PICTURE,
                pictures.c.state.not_in((PictureState.OVERDUE, PictureState.UNKNOWN)),
            )
        )
        return found

    async def move(self, request_id: str, before: RequestState, after: RequestState, **values: Any) -> bool:
        """Change a request's state if it is ``before``; tell whether it was."""
        return await self._changed(_MOVE, which=request_id, before=before, state=after, **values) > 0

    async def set_trouble(self, request_id: str, trouble: str | None) -> None:
        """Store what a request waits for."""
        await self._connection.execute(update(requests).where(requests.c.id == request_id).values(trouble=trouble))

    async def remove(self, request_id: str, *, by: int | None, now_ms: int | None) -> None:
        """Write down that a request's messages were deleted, and by whom; None: they stand again."""
        await self._connection.execute(
            update(requests).where(requests.c.id == request_id).values(removed_by=by, removed_at_ms=now_ms)
        )

    async def untold_voids(self, now_ms: int) -> list[RequestRow]:
        """Return the voided requests whose person may not have heard of it, and still can."""
        return await self._all(
            RequestRow,
            select(requests).where(
                UNTOLD_VOID,
                requests.c.created_at_ms > now_ms - VOID_NEWS_S * 1000,
            ),
        )

    async def void_told(self, request_id: str, now_ms: int) -> None:
        """Note that a voided request's person was told, or can't be; its interaction token is needed no more."""
        await self._connection.execute(
            update(requests).where(requests.c.id == request_id).values(interaction_token=None, void_told_at_ms=now_ms)
        )

    async def purge_tokens(self, now_ms: int) -> int:
        """Forget interaction tokens that have expired; returns how many."""
        return await self._changed(
            update(requests)
            .where(requests.c.interaction_token.is_not(None), requests.c.token_expires_at_ms <= now_ms)
            .values(interaction_token=None)
        )
