"""What a person prefers, and the styles that they named: defaults for every way of asking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bot.clock import Clock
from bot.generations.refusals import Refused
from bot.generations.repository import GenerationsRepository
from bot.storage import Connection, Database

MAX_STYLES: Final = 25
"""As many as a select of Discord's shows."""
NAME_MAX_CHARS: Final = 50
SUFFIX_MAX_CHARS: Final = 1000


class StyleRefused(Refused):
    """A style can't be kept."""

    code = "style_refused"


@dataclass(frozen=True, slots=True)
class Preferences:
    """A person's defaults; None: none of their own."""

    model: str | None = None
    aspect_ratio: str | None = None
    resolution: str | None = None
    output_format: str | None = None
    private: bool | None = None
    notify: bool | None = None

    @property
    def options(self) -> dict[str, str]:
        """Those that are options of a model."""
        chosen = {
            "aspect_ratio": self.aspect_ratio,
            "resolution": self.resolution,
            "output_format": self.output_format,
        }
        return {name: value for name, value in chosen.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Style:
    """Words that a person adds to prompts, under a name of theirs."""

    name: str
    suffix: str
    id: int = 0

    def applied_to(self, prompt: str) -> str:
        """Return the prompt with the style's words behind it."""
        return f"{prompt.rstrip()}\n\n{self.suffix}"


class PreferencesBook:
    """Reads and writes preferences and styles; they are a person's own, in every server."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def of(self, user_id: int) -> Preferences:
        """Return a person's preferences."""
        row = await self._database.look(lambda tx: GenerationsRepository(tx).preferences.get(user_id))
        if row is None:
            return Preferences()
        return Preferences(
            model=row.model,
            aspect_ratio=row.aspect_ratio,
            resolution=row.resolution,
            output_format=row.output_format,
            private=None if row.private is None else bool(row.private),
            notify=None if row.notify is None else bool(row.notify),
        )

    async def set(self, user_id: int, **changes: str | bool | None) -> None:
        """Change some of a person's preferences; None takes one back. The names are those of ``Preferences``."""
        unknown = changes.keys() - set(Preferences.__dataclass_fields__)
        if unknown:
            raise ValueError(f"no such preferences: {', '.join(sorted(unknown))}")
        values = {name: int(value) if isinstance(value, bool) else value for name, value in changes.items()}
        now_ms = self._clock.now_ms()
        await self._database.write(lambda tx: GenerationsRepository(tx).preferences.put(user_id, values, now_ms))

    async def styles(self, user_id: int) -> list[Style]:
        """Return a person's styles, by name."""
        rows = await self._database.look(lambda tx: GenerationsRepository(tx).preferences.styles_of(user_id))
        return [Style(row.name, row.suffix, row.id) for row in rows]

    async def style(self, user_id: int, name: str) -> Style | None:
        """Return a person's style by its name, whatever its case."""
        row = await self._database.look(lambda tx: GenerationsRepository(tx).preferences.style(user_id, _key(name)))
        return Style(row.name, row.suffix, row.id) if row is not None else None

    async def style_at(self, user_id: int, style_id: int) -> Style | None:
        """Return a person's style by its id; None for anybody else's."""
        return next((style for style in await self.styles(user_id) if style.id == style_id), None)

    async def add_style(self, user_id: int, name: str, suffix: str, *, replacing: int | None = None) -> Style:
        """Keep a new style, or write ``replacing`` (an id) anew, under another name too; raises StyleRefused.

        Unlike ``put_style`` it never writes over a style that was not meant.
        """
        name, suffix = _checked(name, suffix)
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> int:
            rows = GenerationsRepository(tx).preferences
            there = await rows.style(user_id, _key(name))
            if there is not None and there.id != replacing:
                raise StyleRefused(user_message="You have a style of that name already. Choose another name.")
            if replacing is not None and await rows.rewrite_style(
                user_id, replacing, name=name, name_key=_key(name), suffix=suffix, now_ms=now_ms
            ):
                return replacing
            if await rows.count_styles(user_id) >= MAX_STYLES:
                raise _full()
            await rows.put_style(user_id, name, _key(name), suffix, now_ms)
            row = await rows.style(user_id, _key(name))
            return row.id if row is not None else 0

        return Style(name, suffix, await self._database.write(work))

    async def put_style(self, user_id: int, name: str, suffix: str) -> Style:
        """Keep a style, or change the one of that name; raises StyleRefused with the reason."""
        name, suffix = _checked(name, suffix)
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> None:
            rows = GenerationsRepository(tx).preferences
            if await rows.style(user_id, _key(name)) is None and await rows.count_styles(user_id) >= MAX_STYLES:
                raise _full()
            await rows.put_style(user_id, name, _key(name), suffix, now_ms)

        await self._database.write(work)
        return Style(name, suffix)

    async def remove_style(self, user_id: int, name: str) -> bool:
        """Remove a style; tells whether it was there."""
        return await self._database.write(
            lambda tx: GenerationsRepository(tx).preferences.remove_style(user_id, _key(name))
        )


def _key(name: str) -> str:
    return " ".join(name.split()).casefold()


def _full() -> StyleRefused:
    return StyleRefused(user_message=f"You have {MAX_STYLES} styles already. Remove one first.")


def _checked(name: str, suffix: str) -> tuple[str, str]:
    name, suffix = " ".join(name.split()), suffix.strip()
    if not name or not suffix:
        raise StyleRefused(user_message="A style needs a name and words. Fill in both, please.")
    if len(name) > NAME_MAX_CHARS:
        raise StyleRefused(user_message=f"A style's name has at most {NAME_MAX_CHARS} characters.")
    if len(suffix) > SUFFIX_MAX_CHARS:
        raise StyleRefused(user_message=f"A style's words have at most {SUFFIX_MAX_CHARS} characters.")
    return name, suffix
