"""No key or token is ever logged, in whatever shape it comes; ids are bound to what a task logs."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from bot import logs

BOT_TOKEN = "MTE0NzQ4NzQ4NzQ4NzQ4NzQ4NzQ.GaBcDe.abcdefghijklmnopqrstuvwxyz0123456789AB"
API_KEY = "rvya_sk_0123456789abcdef"
INTERACTION = "aW50ZXJhY3Rpb246MTE0NzQ4NzQ4NzQ4NzQ4NzQ4NzQ6c29tZXRoaW5n"
OWN_SECRET = "a-secret-of-no-known-shape"
SECRETS = (BOT_TOKEN, API_KEY, INTERACTION, OWN_SECRET)


@pytest.fixture(params=["json", "console"])
def written(request: pytest.FixtureRequest) -> Iterator[Callable[[], str]]:
    """Configure both forms in turn; gives what has been written so far."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure(level="DEBUG", form=request.param, stream=stream, secrets=[SecretStr(OWN_SECRET), SecretStr("no")])
    yield stream.getvalue
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:], root.level = before


def log() -> Any:
    return structlog.get_logger("test")


SHAPES: list[tuple[str, Any]] = [
    ("text", f"key {API_KEY} and token {BOT_TOKEN}, and {OWN_SECRET}"),
    ("headers", {"Authorization": f"Bearer {OWN_SECRET[:7]}-not-listed", "X": f"Bot {BOT_TOKEN}"}),
    ("nested", {"a": [{"b": (API_KEY, {"c": f"x{BOT_TOKEN}"})}]}),
    ("keys", {API_KEY: 1}),
    ("bytes", API_KEY.encode()),
    ("set", {BOT_TOKEN}),
    ("url", f"https://discord.com/api/v10/webhooks/123456/{INTERACTION}/messages/@original"),
    ("callback", f"https://discord.com/api/v10/interactions/123456/{INTERACTION}/callback"),
    ("error", RuntimeError(f"refused {API_KEY}")),
    ("object", SecretStr(API_KEY)),
    ("webhook", "whsec_0123456789"),
    ("interaction_token", INTERACTION),
    ("row", {"interaction_token": INTERACTION, "discord_token": BOT_TOKEN, "rivya_api_key": API_KEY}),
]


@pytest.mark.parametrize(("name", "value"), SHAPES, ids=[name for name, _ in SHAPES])
def test_secrets_are_taken_out(written: Callable[[], str], name: str, value: Any) -> None:
    log().info("test.event", **{name: value})
    text = written()
    assert "test.event" in text
    for secret in (*SECRETS, "not-listed", "whsec_0"):
        assert secret not in text


def test_what_is_no_secret_stays(written: Callable[[], str]) -> None:
    log().info(
        "test.event",
        idempotency_key="pic-1-1",
        token_expires_at_ms=1_790_000_000_000,
        words="Bot is ready",
        url="https://cdn.discordapp.com/attachments/1/2/cat.png?ex=6a&is=6b&hm=0123abcd",
    )
    text = written()
    assert "pic-1-1" in text
    assert "1790000000000" in text
    assert "Bot is ready" in text
    assert "cat.png?ex=6a&is=6b&hm=" in text
    assert "0123abcd" not in text


def test_the_standard_librarys_events_are_cleaned_too(written: Callable[[], str]) -> None:
    logging.getLogger("discord.http").warning(
        "with %s", f"Bot {BOT_TOKEN}", extra={"authorization": f"Bearer {OWN_SECRET}"}
    )
    text = written()
    assert "with Bot [secret]" in text
    for secret in SECRETS:
        assert secret not in text


def raise_in_a_chain() -> None:
    try:
        raise ValueError(f"no {API_KEY}")
    except ValueError as error:
        raise RuntimeError(f"sent Authorization: Bearer {OWN_SECRET}") from error


@pytest.mark.parametrize("library", ["structlog", "logging"])
def test_exceptions_are_told_with_their_trace_and_without_secrets(written: Callable[[], str], library: str) -> None:
    try:
        raise_in_a_chain()
    except RuntimeError:
        if library == "structlog":
            log().exception("test.failed")
        else:
            logging.getLogger("asyncio").exception("test.failed")
    text = written()
    for words in ("test.failed", "RuntimeError", "ValueError", "raise_in_a_chain", "[secret]"):
        assert words in text
    assert API_KEY not in text
    assert OWN_SECRET not in text


async def test_ids_are_bound_to_a_task_and_to_no_other(written: Callable[[], str]) -> None:
    async def work(name: str) -> None:
        structlog.contextvars.bind_contextvars(request_id=name)
        await asyncio.sleep(0)
        log().info(f"own.{name}")
        logging.getLogger("library").info("foreign.%s", name)

    await asyncio.gather(asyncio.create_task(work("r1")), asyncio.create_task(work("r2")))
    log().info("outside")
    lines = written().splitlines()
    for name, other in (("r1", "r2"), ("r2", "r1")):
        mine = [line for line in lines if f"own.{name}" in line or f"foreign.{name}" in line]
        assert len(mine) == 2
        assert all(name in line.replace(f".{name}", "") and other not in line for line in mine)
    assert not any("r1" in line or "r2" in line for line in lines if "outside" in line)


def test_json_is_one_object_a_line() -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure(form="auto", stream=stream)
    try:
        log().info("job.submitted", text="two\nlines", credits=8, guild_id=None)
        log().debug("not.shown")
        logging.getLogger("httpx").info("HTTP Request: not shown")
    finally:
        structlog.reset_defaults()
        root.handlers[:], root.level = before
    (line,) = stream.getvalue().splitlines()
    event = json.loads(line)
    assert event["event"] == "job.submitted"
    assert (event["level"], event["text"], event["credits"], event["guild_id"]) == ("info", "two\nlines", 8, None)
    assert event["timestamp"].endswith("Z")
