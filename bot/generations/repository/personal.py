"""The queries of what is held on one person: counted, and in pages for their export."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, Table, func, or_, select, tuple_

from bot.generations.repository.bans import changes_about
from bot.generations.repository.base import Queries
from bot.generations.repository.erasing import quota_drafts_of
from bot.storage.credit_tables import account_owners, entries
from bot.storage.operator_tables import operator_log, operator_notices
from bot.storage.personal_tables import drafts, preferences, styles, tray_images
from bot.storage.quota_tables import quota_drafts, quota_log, quota_rules
from bot.storage.request_tables import deliveries, pictures, reference_images, requests
from bot.storage.server_tables import bans, gallery_posts, guild_settings, reports, setting_changes

Values = dict[str, Any]
_NOT_THEIRS = frozenset({"interaction_token", "application_id", "upload_limit_bytes", "upload_url", "result_url"})
"""Columns that say nothing of a person, or are keys to something."""


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file that is kept of a person; ``kind`` is "picture", "reference" or "tray"."""

    kind: str
    name: str
    path: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Held:
    """How much is held on a person."""

    requests: int = 0
    pictures: int = 0
    pictures_bytes: int = 0
    references: int = 0
    tray_images: int = 0
    styles: int = 0
    has_preferences: bool = False
    drafts: int = 0
    reports: int = 0
    accounts: int = 0

    def __bool__(self) -> bool:
        return self != Held()


class PersonalQueries(Queries):
    """What is held on one person, as plain values."""

    async def held(self, user_id: int) -> Held:
        """Count it."""
        made = select(func.count(), func.coalesce(func.sum(pictures.c.size_bytes), 0)).where(
            pictures.c.request_id == requests.c.id, requests.c.user_id == user_id, pictures.c.path.is_not(None)
        )
        count_made, made_bytes = (await self._connection.execute(made)).one()
        given = select(func.count()).where(
            reference_images.c.request_id == requests.c.id,
            requests.c.user_id == user_id,
            reference_images.c.path.is_not(None),
        )
        return Held(
            requests=await self._number_of(requests, user_id),
            pictures=count_made,
            pictures_bytes=made_bytes,
            references=await self._count(given),
            tray_images=await self._count(
                select(func.count()).where(tray_images.c.user_id == user_id, tray_images.c.removed_at_ms.is_(None))
            ),
            styles=await self._number_of(styles, user_id),
            has_preferences=bool(await self._number_of(preferences, user_id)),
            drafts=await self._number_of(drafts, user_id),
            reports=await self._count(select(func.count()).where(reports.c.reporter_id == user_id)),
            accounts=await self._number_of(account_owners, user_id),
        )

    async def _number_of(self, table: Table, user_id: int) -> int:
        return await self._count(select(func.count()).select_from(table).where(table.c.user_id == user_id))

    async def requests_page(self, user_id: int, *, after: tuple[int, str] | None, limit: int) -> list[Values]:
        """Return a person's requests, oldest first, each with its pictures, references and delivery.

        ``after``: the time and id of the last one of the page before.
        """
        query = select(requests).where(requests.c.user_id == user_id)
        if after is not None:
            query = query.where(tuple_(requests.c.created_at_ms, requests.c.id) > after)
        page = await self._values(query.order_by(requests.c.created_at_ms, requests.c.id).limit(limit))
        ids = [row["id"] for row in page]
        parts = {
            "pictures": await self._by_request(pictures, ids),
            "references": await self._by_request(reference_images, ids),
            "deliveries": await self._by_request(deliveries, ids),
        }
        for row in page:
            row |= {name: found.get(row["id"], []) for name, found in parts.items()}
        return page

    async def _by_request(self, table: Table, request_ids: Sequence[str]) -> dict[str, list[Values]]:
        found: dict[str, list[Values]] = {}
        for row in await self._values(select(table).where(table.c.request_id.in_(request_ids))):
            found.setdefault(row["request_id"], []).append(row)
        return found

    async def accounts(self, user_id: int) -> list[Values]:
        """Return a person's accounts, each with its server (0: personal)."""
        return await self._values(select(account_owners).where(account_owners.c.user_id == user_id))

    async def entries_page(self, account_id: int, *, after_id: int, limit: int) -> list[Values]:
        """Return an account's entries, oldest first."""
        query = select(entries).where(entries.c.account_id == account_id, entries.c.id > after_id)
        return await self._values(query.order_by(entries.c.id).limit(limit))

    async def the_rest(self, user_id: int) -> dict[str, list[Values]]:
        """Return everything else that is held on a person, by what it is."""
        mine = {table.name: select(table).where(table.c.user_id == user_id) for table in (preferences, styles, drafts)}
        mine["tray_images"] = select(tray_images).where(tray_images.c.user_id == user_id)
        mine["reports_made"] = select(reports).where(reports.c.reporter_id == user_id)
        mine["reports_handled"] = select(reports.c.id, reports.c.state, reports.c.handled_at_ms).where(
            reports.c.handled_by == user_id
        )
        mine["gallery_posts"] = select(gallery_posts).where(gallery_posts.c.posted_by == user_id)
        mine["servers_set"] = select(guild_settings).where(guild_settings.c.updated_by == user_id)
        mine["bans"] = select(bans).where(bans.c.user_id == user_id)
        mine["quota_rules"] = select(quota_rules).where(
            quota_rules.c.scope == "member", quota_rules.c.subject_id == user_id
        )
        mine["quota_log"] = select(quota_log).where(quota_log.c.scope == "member", quota_log.c.subject_id == user_id)
        mine["setting_changes_on_bans"] = select(setting_changes).where(changes_about(user_id))
        mine["quota_drafts"] = select(quota_drafts).where(quota_drafts_of(user_id))
        # What they did, for a server or as an operator: not on whom, which is held on others.
        mine["requests_removed"] = select(requests.c.id, requests.c.guild_id, requests.c.removed_at_ms).where(
            requests.c.removed_by == user_id
        )
        mine["bans_made"] = select(
            bans.c.guild_id, bans.c.created_at_ms, bans.c.expires_at_ms, bans.c.lifted_at_ms
        ).where(or_(bans.c.banned_by == user_id, bans.c.lifted_by == user_id))
        mine["quota_rules_set"] = select(quota_rules).where(quota_rules.c.set_by == user_id)
        mine["quota_changes_made"] = select(quota_log).where(quota_log.c.actor_id == user_id)
        mine["setting_changes_made"] = select(setting_changes).where(setting_changes.c.changed_by == user_id)
        mine["operator_log"] = select(operator_log).where(operator_log.c.operator_id == user_id)
        mine["operator_notices"] = select(operator_notices).where(operator_notices.c.operator_id == user_id)
        return {name: await self._values(query) for name, query in mine.items()}

    async def files(self, user_id: int) -> list[HeldFile]:
        """Return the files that are kept of a person: results, newest first, then what they gave."""
        made = (
            select(pictures.c.id, pictures.c.path, pictures.c.size_bytes)
            .join(requests, requests.c.id == pictures.c.request_id)
            .where(requests.c.user_id == user_id, pictures.c.path.is_not(None))
            .order_by(requests.c.created_at_ms.desc(), pictures.c.position)
        )
        given = (
            select(reference_images.c.request_id, reference_images.c.position, reference_images.c.path,
                   reference_images.c.size_bytes, reference_images.c.mime)
            .join(requests, requests.c.id == reference_images.c.request_id)
            .where(requests.c.user_id == user_id, reference_images.c.path.is_not(None))
            .order_by(requests.c.created_at_ms.desc(), reference_images.c.position)
        )  # fmt: skip
        collected = select(tray_images).where(
            tray_images.c.user_id == user_id, tray_images.c.path.is_not(None), tray_images.c.removed_at_ms.is_(None)
        )
        found = [
            HeldFile("picture", f"{row.id}{_suffix(row.path)}", row.path, row.size_bytes or 0)
            for row in await self._connection.execute(made)
        ]
        found += [
            HeldFile("reference", f"{row.request_id}-{row.position}{_of_kind(row.mime)}", row.path, row.size_bytes or 0)
            for row in await self._connection.execute(given)
        ]
        found += [
            HeldFile("tray", f"{row.id}{_of_kind(row.mime)}", row.path, row.size_bytes)
            for row in await self._connection.execute(collected)
        ]
        return found

    async def _values(self, query: Select[Any]) -> list[Values]:
        rows = (await self._connection.execute(query)).mappings()
        return [{name: value for name, value in row.items() if name not in _NOT_THEIRS} for row in rows]


def _suffix(path: str) -> str:
    return f".{path.rpartition('.')[2]}" if "." in path else ""


def _of_kind(mime: str | None) -> str:
    return {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}.get(mime or "", "")
