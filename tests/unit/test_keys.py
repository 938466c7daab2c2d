"""The key of the image service: where it comes from, and how it changes while the bot runs."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from pathlib import Path

import pytest
import structlog
from pydantic import SecretStr
from sqlalchemy import text

from bot import logs
from bot.config import KEY_FILE_MAX_BYTES, load_key, load_local_settings, load_settings, load_what_is_there
from bot.errors import ConfigError
from bot.generations.states import PictureState
from bot.keys import Renewal, RivyaKey
from bot.sandbox.rivya import Fault, FaultKind
from tests.world import Worlds

OLD, NEW = "rvya_sk_the_one_before", "a-key-of-another-look-2026"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RIVYA_API_KEY", "RIVYA_API_KEY_FILE", "DISCORD_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISCORD_TOKEN", "a-token-of-a-test")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(f"{OLD}\n")
    return path


# --- where it comes from ---


def test_from_a_file(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setenv("RIVYA_API_KEY_FILE", str(file))
    assert load_settings(None).rivya_api_key.get_secret_value() == OLD
    file.write_text(f"  {NEW}\r\n\n")
    assert load_key(None).get_secret_value() == NEW


def test_an_empty_variable_beside_the_file_is_none(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setenv("RIVYA_API_KEY", "")
    monkeypatch.setenv("RIVYA_API_KEY_FILE", str(file))
    assert load_settings(None).rivya_api_key.get_secret_value() == OLD


def test_the_environment_wins_over_the_file_of_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text(f"RIVYA_API_KEY={OLD}\n")
    assert load_key(env_file).get_secret_value() == OLD
    monkeypatch.setenv("RIVYA_API_KEY", NEW)
    assert load_key(env_file).get_secret_value() == NEW


BROKEN = {
    "not there": (None, "RIVYA_API_KEY can't be read from RIVYA_API_KEY_FILE (No such file or directory)."),
    "empty": (b" \n", "RIVYA_API_KEY in RIVYA_API_KEY_FILE is empty."),
    "with a space": (b"rvya_sk_a b", "RIVYA_API_KEY has characters that can't be part of it; copy it again."),
    "two lines": (b"rvya_sk_a\nrvya_sk_b", "RIVYA_API_KEY has characters that can't be part of it; copy it again."),
    "too long": (
        b"rvya_sk_" + b"a" * KEY_FILE_MAX_BYTES,
        f"RIVYA_API_KEY in RIVYA_API_KEY_FILE is too long: a file of at most {KEY_FILE_MAX_BYTES} bytes can hold it.",
    ),
    "no text": (b"\xff\xfe\x00", "RIVYA_API_KEY in RIVYA_API_KEY_FILE is not text."),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_holds_no_key(monkeypatch: pytest.MonkeyPatch, file: Path, name: str) -> None:
    content, sentence = BROKEN[name]
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("RIVYA_API_KEY_FILE", str(file))
    for load in (load_settings, load_key):
        with pytest.raises(ConfigError) as caught:
            load(None)
        assert list(caught.value.problems) == [sentence]
    _, problems = load_what_is_there(None)  # what `doctor` reads
    assert problems == {"rivya_api_key": sentence}
    assert load_local_settings(None)  # what needs no key does not look


def test_both_are_refused(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setenv("RIVYA_API_KEY", NEW)
    monkeypatch.setenv("RIVYA_API_KEY_FILE", str(file))
    with pytest.raises(ConfigError, match="RIVYA_API_KEY and RIVYA_API_KEY_FILE are both set"):
        load_settings(None)


# --- while it runs ---


def write(file: Path, content: str) -> None:
    file.write_text(content)


async def test_neither_key_is_in_the_log(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RIVYA_API_KEY_FILE", str(file))
    stream = io.StringIO()
    logs.configure(form="json", stream=stream, secrets=[SecretStr(OLD)])
    key = RivyaKey(SecretStr(OLD), lambda: load_key(None))
    assert await key.renew() is Renewal.SAME
    write(file, NEW)
    assert await key.renew() is Renewal.NEW
    assert key().get_secret_value() == NEW
    structlog.get_logger("test").info("careless", old=f"with {OLD}", new=f"with {NEW}")
    write(file, "rvya_sk_torn in two")
    assert await key.renew() is Renewal.REFUSED
    write(file, "")
    assert await key.renew() is Renewal.REFUSED
    assert key().get_secret_value() == NEW
    written = stream.getvalue()
    assert written.count("key.refused") == 2
    assert "RIVYA_API_KEY in RIVYA_API_KEY_FILE is empty." in written
    for secret in (OLD, NEW, "torn in two"):
        assert secret not in written


@pytest.mark.parametrize("closed", [False, True])
async def test_a_terminal_that_is_closed_stops_it(monkeypatch: pytest.MonkeyPatch, closed: bool) -> None:
    """It sends the same signal; a bot that nobody sees any more would keep the database."""
    answers = [True, not closed]
    monkeypatch.setattr("bot.keys.has_terminal", lambda: answers.pop(0))
    key, stops, heard = RivyaKey(SecretStr(OLD), lambda: SecretStr(NEW)), [], asyncio.Event()
    key.heard = heard.set
    key.listen(lambda: stops.append("stop"))
    try:
        os.kill(os.getpid(), signal.SIGHUP)
        async with asyncio.timeout(30):
            while not (stops or heard.is_set()):
                await asyncio.sleep(0.005)
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
    assert stops == (["stop"] if closed else [])
    assert key().get_secret_value() == (OLD if closed else NEW)


async def test_a_refused_key_is_read_again_with_each_try(worlds: Worlds) -> None:
    found = [OLD]
    key = RivyaKey(SecretStr(worlds.rivya.api_key), lambda: SecretStr(found[0]))
    async with worlds.open(key=key) as world:
        await world.until(lambda: world.core.generations.fact("provider.credits"))
        worlds.rivya.restore_key(NEW)  # the one that the bot has is none any more
        refused = await world.imagine()
        await world.until_state(refused, PictureState.FAILED)
        assert world.core.account.closed_code == "api_key_invalid"
        found[0] = NEW
        await world.pass_time(300, step_s=20)
        await world.until(lambda: not world.core.account.closed)
        again = await world.imagine()
        await world.until_state(again, PictureState.FETCHED)
        await world.until_idle()
        await world.check_books(charged=8)


async def test_a_key_that_was_changed_before_the_old_one_went_costs_nobody_a_picture(worlds: Worlds) -> None:
    found = [OLD]
    key = RivyaKey(SecretStr(worlds.rivya.api_key), lambda: SecretStr(found[0]))
    async with worlds.open(key=key) as world:
        await world.until(lambda: world.core.generations.fact("provider.credits"))
        worlds.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=30))
        painting = await world.imagine()
        await world.until_state(painting, PictureState.PAINTING)
        found[0] = NEW
        worlds.rivya.restore_key(NEW)  # nobody has told the bot
        asked = [await world.imagine() for _ in range(3)]
        for request in asked:
            await world.until_state(request, PictureState.FETCHED)
        await world.pass_time(60, step_s=5)
        await world.until_state(painting, PictureState.FETCHED)
        assert not world.core.account.closed
        await world.until_idle()
        await world.check_books(charged=32)
        assert len(worlds.rivya.books.tasks) == 4


async def test_an_order_in_doubt_is_not_repeated_with_another_key(worlds: Worlds) -> None:
    """The service may not know an idempotency key under another API key: it would paint, and be paid, twice."""
    found = [OLD]
    key = RivyaKey(SecretStr(worlds.rivya.api_key), lambda: SecretStr(found[0]))
    async with worlds.open(key=key) as world:
        await world.until(lambda: world.core.generations.fact("provider.credits"))
        worlds.rivya.faults.add(Fault(kind=FaultKind.LOST_AFTER, route="create", times=None))
        request = await world.imagine()
        await world.until(lambda: worlds.rivya.books.tasks)
        found[0] = NEW
        worlds.rivya.restore_key(NEW)
        await key.renew()
        await world.until_state(request, PictureState.UNKNOWN)
        await world.until_idle()
        assert len(worlds.rivya.books.tasks) == 1
        async with world.database.read() as tx:
            attempt = (await tx.execute(text("SELECT * FROM attempts"))).one()
        assert attempt.outcome == "another_key"
        await world.pass_time(25 * 3600, step_s=3600)
        await world.until_state(request, PictureState.LOST)
        await world.check_books(charged=0, loss=8)


async def test_who_reads_again_needs_not_wait_for_the_next_try(worlds: Worlds) -> None:
    found = [OLD]
    key = RivyaKey(SecretStr(worlds.rivya.api_key), lambda: SecretStr(found[0]))
    async with worlds.open(key=key) as world:
        await world.until(lambda: world.core.generations.fact("provider.credits"))
        worlds.rivya.restore_key(NEW)
        stands = await world.core.operator.read_again()
        assert stands.gate.closed_code == "api_key_invalid"
        found[0] = NEW
        stands = await world.core.operator.read_again()
        assert stands.gate.closed_code is None
        assert stands.outlook.read_credits is not None
