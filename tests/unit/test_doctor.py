"""The doctor sees what is wrong, says what to do, goes on after it, and never repeats a secret."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bot.config import Settings, load_settings
from bot.doctor import Check, examine, render
from bot.generations.erasing import RETENTION_FACT
from bot.generations.repository import GenerationsRepository
from bot.sandbox.rivya import Fault, FaultKind, RivyaSandbox
from bot.storage import open_database
from tests.clocks import TestClock

TOKEN = "MTE0NzQ4NzQ4NzQ4NzQ4NzQ4NzQ.GaBcDe.abcdefghijklmnopqrstuvwxyz0123456789AB"
NAMES = ["token", "application", "key", "scopes", "model", "credits", "database", "data folder", "disk space",
         "operators"]  # fmt: skip


class Discord:
    """The two calls that the doctor makes, over real HTTP."""

    def __init__(self) -> None:
        self.status = 200
        self.application: dict[str, Any] = {"id": "1", "name": "Banana", "flags": 0}
        self.url = ""

    def _answer(self, request: web.Request, body: dict[str, Any]) -> web.Response:
        if request.headers.get("Authorization") != f"Bot {TOKEN}":
            return web.json_response({"message": "401: Unauthorized", "code": 0}, status=401)
        return web.json_response(body if self.status == 200 else {}, status=self.status)

    async def me(self, request: web.Request) -> web.Response:
        return self._answer(request, {"id": "7", "username": "banana-bot"})

    async def mine(self, request: web.Request) -> web.Response:
        return self._answer(request, self.application)


@pytest.fixture
async def discord() -> AsyncIterator[Discord]:
    played = Discord()
    app = web.Application()
    app.router.add_get("/api/v10/users/@me", played.me)
    app.router.add_get("/api/v10/applications/@me", played.mine)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    played.url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/v10"
    yield played
    await runner.cleanup()


@pytest.fixture
async def rivya(clock: TestClock) -> AsyncIterator[RivyaSandbox]:
    async with RivyaSandbox(clock=clock) as sandbox:
        yield sandbox


@pytest.fixture
def settings(discord: Discord, rivya: RivyaSandbox, tmp_path: Path) -> Callable[..., Settings]:
    def make(**changed: Any) -> Settings:
        values = {
            "discord_token": TOKEN,
            "discord_api_url": discord.url,
            "rivya_api_key": rivya.api_key,
            "rivya_base_url": rivya.url,
            "database_url": f"sqlite+aiosqlite:///{tmp_path / 'bot.db'}",
            "data_dir": str(tmp_path / "data"),
            "operator_ids": "71, 72",
        }
        return load_settings(None, **(values | changed))

    return make


Look = Callable[..., Awaitable[dict[str, Check]]]


@pytest.fixture
def look(settings: Callable[..., Settings], rivya: RivyaSandbox) -> Look:
    """Examine, check what holds for every report, and give the checks by name."""

    async def examined(**changed: Any) -> dict[str, Check]:
        made = settings(**changed)
        checks = await examine(made)
        text = render(checks)
        for secret in (made.discord_token.get_secret_value(), made.rivya_api_key.get_secret_value()):
            assert secret not in text
        assert [check.name for check in checks if check.name != "retention"] == NAMES  # told where there is a database
        assert all(check.advice for check in checks if not check.ok)
        assert "Traceback" not in text
        return {check.name: check for check in checks}

    return examined


def wrong(checks: dict[str, Check]) -> set[str]:
    return {name for name, check in checks.items() if check.ok is False}


async def test_all_is_well(look: Look, rivya: RivyaSandbox, tmp_path: Path) -> None:
    rivya.set_credits(41)
    checks = await look()
    assert [check.ok for check in checks.values()] == [True] * len(NAMES), render(list(checks.values()))
    assert checks["token"].found == "works, for banana-bot (id 7)"
    assert "message content is off" in checks["application"].found
    assert checks["scopes"].found == "credits:read, generations:read, generations:create, files:create"
    assert checks["model"].found == "nano-banana-pro is available, 8 credits a picture"
    assert checks["credits"].found == "41 left, enough for 5 pictures"
    assert "made at the first start" in checks["database"].found
    assert os.listdir(tmp_path / "data") == []  # noqa: PTH208 - a path is not to be waited for in an async function


async def test_somebody_is_to_be_told(look: Look) -> None:
    assert (await look())["operators"].found == "2 have /operator and are told"
    check = (await look(operator_ids=""))["operators"]
    assert check.ok is None
    assert "OPERATOR_IDS" in check.advice


async def test_nothing_is_bought_or_stored(look: Look, rivya: RivyaSandbox, tmp_path: Path) -> None:
    await look()
    assert rivya.books.tasks == []
    assert rivya.books.total_charged == 0
    assert os.listdir(tmp_path) == ["data"]  # noqa: PTH208 - likewise


def test_each_line_says_how_it_stands_and_what_to_do() -> None:
    text = render([Check("key", ok=True, found="accepted"), Check("model", ok=False, found="closed", advice="Wait.")])
    assert text.splitlines() == ["ok   key    accepted", "FAIL model  closed", "            Wait."]
    assert render([Check("x", ok=None, found="not told", advice="Ask.")]).startswith("?    x  not told")


async def test_a_token_that_discord_does_not_take(look: Look) -> None:
    checks = await look(discord_token="another-token")
    assert wrong(checks) == {"token"}
    assert checks["application"].ok is None
    assert "Reset it in Discord's developer portal" in checks["token"].advice


@pytest.mark.parametrize("status", [403, 429, 500])
async def test_discord_in_trouble(look: Look, discord: Discord, status: int) -> None:
    discord.status = status
    checks = await look()
    assert wrong(checks) == {"token"}
    assert f"HTTP {status}" in checks["token"].found


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"interactions_endpoint_url": "https://x.org"}, "Interactions Endpoint URL"),
        ({"bot_require_code_grant": True}, "OAuth2 code grant"),
    ],
)
async def test_an_application_set_up_otherwise(
    look: Look, discord: Discord, change: dict[str, Any], words: str
) -> None:
    discord.application |= change
    checks = await look()
    assert wrong(checks) == {"application"}
    assert words in checks["application"].found


@pytest.mark.parametrize("flag", [1 << 18, 1 << 19])
async def test_message_content_may_be_on(look: Look, discord: Discord, flag: int) -> None:
    discord.application["flags"] = flag
    assert "message content is on there but not used" in (await look())["application"].found
    checks = await look(message_content_intent=True)
    assert wrong(checks) == set()
    assert "mentions in replies to other people work" in checks["application"].found


async def test_message_content_that_is_wanted_must_be_granted(look: Look, discord: Discord) -> None:
    checks = await look(message_content_intent=True)
    assert wrong(checks) == {"application"}
    assert "off there and on here" in checks["application"].found
    assert "Message Content Intent" in checks["application"].advice
    assert "MESSAGE_CONTENT_INTENT=false" in checks["application"].advice


@pytest.mark.parametrize("what", ["unknown", "revoked", "expired"])
async def test_a_key_that_rivya_does_not_take(look: Look, rivya: RivyaSandbox, what: str) -> None:
    changed = {}
    if what == "unknown":
        changed["rivya_api_key"] = "rvya_sk_of_somebody_else"
    elif what == "revoked":
        rivya.revoke_key()
    else:
        rivya.expire_key()
    checks = await look(**changed)
    assert wrong(checks) == {"key"}
    assert (checks["scopes"].ok, checks["credits"].ok, checks["model"].ok) == (None, None, True)
    assert "RIVYA_API_KEY" in checks["key"].advice


@pytest.mark.parametrize("scope", ["generations:create", "generations:read", "files:create", "credits:read"])
async def test_a_missing_scope_is_named(look: Look, rivya: RivyaSandbox, scope: str) -> None:
    rivya.scopes.remove(scope)
    checks = await look()
    assert wrong(checks) == {"scopes"}
    assert checks["scopes"].found == f"the key lacks {scope}"
    assert checks["credits"].ok is (None if scope == "credits:read" else True)


async def test_an_empty_account(look: Look, rivya: RivyaSandbox) -> None:
    rivya.set_credits(7)
    checks = await look()
    assert wrong(checks) == {"credits"}
    assert checks["credits"].found == "7 left, less than one picture costs"


async def test_a_closed_model(look: Look, rivya: RivyaSandbox) -> None:
    rivya.variants.unavailable_models = frozenset({"nano-banana-pro"})
    checks = await look()
    assert wrong(checks) == {"model"}
    assert "nano-banana-pro is closed at Rivya (open: nano-banana-2" in checks["model"].found


@pytest.mark.parametrize("kind", [FaultKind.MALFORMED, FaultKind.BARE_ERROR, FaultKind.LOST_BEFORE])
async def test_rivya_in_trouble(look: Look, rivya: RivyaSandbox, kind: FaultKind) -> None:
    rivya.faults.add(Fault(kind=kind, route="*", times=None, status=502))
    checks = await look()
    assert wrong(checks) == {"key", "model"}
    assert "can't be asked" in checks["key"].found


async def test_an_address_that_is_not_rivyas(look: Look, discord: Discord) -> None:
    checks = await look(rivya_base_url=discord.url)
    assert wrong(checks) == {"key", "model"}
    assert "RIVYA_BASE_URL" in checks["key"].advice


async def test_what_can_not_be_told_is_not_called_wrong(look: Look, rivya: RivyaSandbox) -> None:
    rivya.faults.add(Fault(kind=FaultKind.ERROR, route="upload", times=None, status=429))
    checks = await look()
    assert wrong(checks) == set()
    assert checks["scopes"].ok is None
    assert "files:create" in checks["scopes"].found


async def test_nobody_is_there(look: Look, rivya: RivyaSandbox) -> None:
    await rivya.stop()
    checks = await look(discord_api_url="http://127.0.0.1:9")
    assert wrong(checks) == {"token", "key", "model"}
    assert checks["data folder"].ok
    assert "can't be reached" in checks["token"].found


# --- this machine ---


async def test_a_database_that_is_in_use_is_fine(look: Look, tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'bot.db'}"
    async with open_database(url):
        checks = await look()
        assert checks["database"].ok
        assert checks["database"].found.endswith("is up to date, in use by a running bot")
    assert (await look())["database"].found.endswith("is up to date")
    assert (await look())["retention"].found == "pictures and prompts are kept for 90 days"
    done = '{"at_ms": 1790000000000, "requests": 12, "files": 30, "days": 90}'
    async with open_database(url) as database:
        await database.write(lambda tx: GenerationsRepository(tx).memory.remember(RETENTION_FACT, done, 1))
    assert (await look(retention_days=None))["retention"].found == (
        "pictures and prompts are kept; last removed on 2026-09-21: 12 requests, 30 files"
    )
    async with open_database(url):
        pass  # the doctor left no lock behind


@pytest.mark.parametrize("kind", ["damaged", "newer", "older", "folder"])
async def test_the_database_is_looked_at(look: Look, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "bot.db"
    if kind == "folder":
        path.mkdir()
    elif kind == "damaged":
        path.write_bytes(b"text" * 2000)
    else:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("CREATE TABLE alembic_version (version_num)")
            if kind == "newer":
                connection.execute("INSERT INTO alembic_version VALUES ('9999')")
    checks = await look()
    if kind == "older":
        assert checks["database"].ok
        assert "brought up at the next start" in checks["database"].found
    else:
        assert wrong(checks) == {"database"}
        words = {"damaged": "backup", "newer": "newer version", "folder": "right to write"}[kind]
        assert words in checks["database"].advice


async def test_a_place_where_no_folder_can_be(look: Look, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    checks = await look(
        data_dir=str(tmp_path / "file" / "data"), database_url=f"sqlite+aiosqlite:///{tmp_path / 'file' / 'bot.db'}"
    )
    assert wrong(checks) == {"database", "data folder"}
    assert checks["disk space"].ok is None


async def test_a_full_disk(look: Look) -> None:
    checks = await look(disk_reserve_bytes=2**60)
    assert wrong(checks) == {"disk space"}
    assert "no request is taken" in checks["disk space"].advice
