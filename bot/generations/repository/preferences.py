"""The queries of what people prefer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from bot.generations.repository.base import Queries, Row
from bot.storage.personal_tables import preferences, styles


@dataclass(frozen=True, slots=True)
class PreferencesRow(Row):
    """A row of ``preferences``; None: no preference."""

    user_id: int
    model: str | None
    aspect_ratio: str | None
    resolution: str | None
    output_format: str | None
    private: int | None
    notify: int | None
    updated_at_ms: int


@dataclass(frozen=True, slots=True)
class StyleRow(Row):
    """A row of ``styles``."""

    id: int
    user_id: int
    name: str
    name_key: str
    suffix: str
    updated_at_ms: int


class PreferenceQueries(Queries):
    """A person's defaults, and the styles that they named."""

    async def get(self, user_id: int) -> PreferencesRow | None:
        """Return a person's preferences."""
        return await self._one(PreferencesRow, select(preferences).where(preferences.c.user_id == user_id))

    async def put(self, user_id: int, values: Mapping[str, str | int | None], now_ms: int) -> None:
        """Store a person's preferences; what is not named stays."""
        changed = {**values, "updated_at_ms": now_ms}
        statement = upsert(preferences).values(user_id=user_id, **changed)
        await self._connection.execute(statement.on_conflict_do_update(index_elements=["user_id"], set_=changed))

    async def styles_of(self, user_id: int) -> list[StyleRow]:
        """Return a person's styles, by name."""
        return await self._all(StyleRow, select(styles).where(styles.c.user_id == user_id).order_by(styles.c.name_key))

    async def count_styles(self, user_id: int) -> int:
        """Count a person's styles."""
        return await self._count(select(func.count()).select_from(styles).where(styles.c.user_id == user_id))

    async def style(self, user_id: int, name_key: str) -> StyleRow | None:
        """Return one style of a person."""
        return await self._one(
            StyleRow, select(styles).where(styles.c.user_id == user_id, styles.c.name_key == name_key)
        )

    async def put_style(self, user_id: int, name: str, name_key: str, suffix: str, now_ms: int) -> None:
        """Add a style, or change the one of that name."""
        statement = upsert(styles).values(
            user_id=user_id, name=name, name_key=name_key, suffix=suffix, updated_at_ms=now_ms
        )
        await self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["user_id", "name_key"],
                set_={"name": name, "suffix": suffix, "updated_at_ms": now_ms},
            )
        )

    async def rewrite_style(
        self, user_id: int, style_id: int, *, name: str, name_key: str, suffix: str, now_ms: int
    ) -> bool:
        """Change a style, its name too; tells whether it was there."""
        changed = await self._changed(
            update(styles)
            .where(styles.c.id == style_id, styles.c.user_id == user_id)
            .values(name=name, name_key=name_key, suffix=suffix, updated_at_ms=now_ms)
        )
        return changed > 0

    async def remove_style(self, user_id: int, name_key: str) -> bool:
        """Remove a style; tells whether it was there."""
        changed = await self._changed(delete(styles).where(styles.c.user_id == user_id, styles.c.name_key == name_key))
        return changed > 0
