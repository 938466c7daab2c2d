"""Somebody of whom there is a trace everywhere, and what is left of them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bot.generations.previews import previews_of
from bot.generations.quota_changes import GrantChange, RefundChange
from bot.generations.values import GenerationRequest
from bot.storage import Connection
from tests.world import ALICE, BOB, GUILD, World, png

ELSEWHERE = GUILD + 1
SECRET = "a very particular heron"


async def rows(world: World, query: str) -> list[Any]:
    return await world.database.look(lambda tx: _rows(tx, query))


async def _rows(tx: Connection, query: str) -> list[Any]:
    return list((await tx.execute(text(query))).all())


def files(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix()
        for kind in ("results", "references", "trays", "fitted", "incoming")
        for path in (folder / kind).iterdir()
    )


async def fill(world: World) -> str:
    """Let Alice have something of everything; returns her request."""
    request_id = await world.imagine(SECRET, references=(world.cdn.add("heron.png"),))
    await world.until_idle()
    core = world.core
    await core.preferences.set(ALICE, model="nano-banana-2")
    await core.preferences.add_style(ALICE, "mine", SECRET)
    await core.tray.add([world.cdn.add("heron.png", png(48, 48))], user_id=ALICE, guild_id=GUILD)
    view = await world.view(request_id)
    await previews_of(core.store, [view])
    await core.generations.keep_draft(GenerationRequest(prompt=view.prompt), user_id=ALICE, guild_id=GUILD)
    other = await world.imagine("bob's own", origin=world.origin(user_id=BOB))
    await world.until_idle()
    await core.moderation.report(other, reporter_id=ALICE, guild_id=GUILD, channel_id=None, reason=SECRET)
    for number, change in enumerate(
        (GrantChange(user_id=ALICE, credits=1), RefundChange(picture_id=f"{request_id}-1", credits=1))
    ):
        await core.quotas.change(GUILD, change, by=99, event_id=f"set for Alice {number}")
    await core.quotas.keep(GUILD, GrantChange(user_id=ALICE, credits=2000), by=99)
    await core.house.ban(GUILD, ALICE, by=99, reason="an earlier one")
    await core.house.ban(GUILD, ALICE, by=99, reason="rude")
    await core.house.unban(GUILD, ALICE, by=99, reason="sorry")
    await core.house.ban(ELSEWHERE, ALICE, by=99, expires_at_ms=world.clock.now_ms() + 3600 * 1000)
    world.clock.advance(3601)
    return request_id


def documents(parts: tuple[Path, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in parts:
        with zipfile.ZipFile(part) as archive:
            assert archive.testzip() is None
            for name in archive.namelist():
                assert name not in found
                raw = archive.read(name)
                found[name] = json.loads(raw) if name.endswith(".json") else raw
    return found
