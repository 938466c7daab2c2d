"""The database in trouble: a start refused in one sentence, and a running bot that takes nothing it can't keep."""

from __future__ import annotations

import os
import resource
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from tests.crash.pictures import image
from tests.machine.world import Host, Machine, can_mount, mount, open_machine

pytestmark = pytest.mark.asyncio(loop_scope="session")

UNWRITTEN = "I can't write anything down at the moment"


# --- at the start ---


async def refused(machine: Machine, *arguments: str, **settings: str) -> str:
    """The bot does not start: exit code 2, one sentence or two on one line, and nothing was started. Returns it."""
    code, out, err = await machine.command(*arguments, **settings)
    assert (code, out) == (2, ""), err
    told = [line for line in err.splitlines() if not line.startswith("{")]
    assert "Traceback" not in err
    assert len(told) == 1, err
    assert told[0].endswith(".")
    assert not machine.wire.gateway.identified
    return told[0]


@asynccontextmanager
async def used(host: Host) -> AsyncIterator[Machine]:
    """Give a machine with a database of several pages, and no bot."""
    async with open_machine(host) as machine:
        assert (await machine.command("migrate"))[0] == 0
        with closing(sqlite3.connect(machine.folder / "bot.db")) as connection, connection:
            connection.executemany(
                "INSERT INTO facts VALUES (?, ?, 0)", [(f"fact {number}", "x" * 100) for number in range(500)]
            )
        with closing(sqlite3.connect(machine.folder / "bot.db", isolation_level=None)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        yield machine


def garbage(path: Path, offset: int, size: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xa5" * size)


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "header": (lambda path: garbage(path, 0, 100), "is damaged. Move it and its -wal file aside"),
    "page": (lambda path: garbage(path, path.stat().st_size // 8192 * 4096, 4096), "is damaged. Move it"),
    "half": (lambda path: os.truncate(path, path.stat().st_size // 2), "is damaged. Move it"),
    "newer": (newer, "was written by a newer version of the bot (revision 9999). Install that version again"),
    "folder": (lambda path: (path.unlink(), path.mkdir()), "can't be opened for writing"),
}


@pytest.mark.parametrize("damage", SPOILT)
async def test_a_database_that_can_not_be_used_is_refused_with_the_way_back(host: Host, damage: str) -> None:
    async with used(host) as machine:
        spoil, sentence = SPOILT[damage]
        spoil(machine.folder / "bot.db")
        assert sentence in await refused(machine, "run")
        if damage in {"header", "page", "half"}:
            assert "restore" in await refused(machine, "run")


async def test_a_database_that_is_locked_for_long_is_refused(host: Host) -> None:
    async with used(host) as machine:
        with closing(sqlite3.connect(machine.folder / "bot.db", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            assert "is locked by another program. Close that program." in await refused(machine, "run")


async def test_a_read_only_place_is_refused(host: Host) -> None:
    async with used(host) as machine:
        machine.like_others = True  # root may write anywhere
        path, folder = machine.folder / "bot.db", machine.folder
        path.chmod(0o444)
        assert "Give the bot's user the right to write it and its folder." in await refused(machine, "run")
        path.chmod(0o644)
        os.remove(folder / "bot.db.lock")  # noqa: PTH107
        folder.chmod(0o555)
        assert "can't be written to (Permission denied)" in await refused(machine, "run", DATA_DIR=str(machine.paper))
        folder.chmod(0o755)
        (folder / "results").chmod(0o555)
        told = await refused(machine, "run")
        assert told == f"DATA_DIR ({folder}, its folder results) can't be written to: Permission denied."


@pytest.mark.skipif(not can_mount(), reason="no disks can be mounted here")
async def test_a_disk_that_is_mounted_read_only_is_refused(host: Host) -> None:
    async with open_machine(host, disk_bytes=16 << 20) as machine:
        assert (await machine.command("migrate"))[0] == 0
        mount("-o", "remount,ro", str(machine.folder))
        for settings in ({}, {"DATA_DIR": str(machine.paper)}):
            assert "can't be written to" in await refused(machine, "run", **settings)


async def test_a_wal_that_was_cut_off_costs_its_last_transactions_only(host: Host) -> None:
    async with used(host) as machine:
        path, wal = machine.folder / "bot.db", machine.folder / "bot.db-wal"
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for number in range(5):
                connection.execute("INSERT INTO facts VALUES (?, 'x', 0)", (f"late {number}",))
            cut = wal.read_bytes()[: wal.stat().st_size - 2000]
        wal.write_bytes(cut)
        (machine.folder / "bot.db-shm").unlink(missing_ok=True)
        assert await machine.start()
        ask = await machine.ask(0, "After the cut.")
        assert await machine.rest([ask])
        kept = machine.rows("SELECT name FROM facts WHERE name LIKE 'late %' ORDER BY name")
        assert [row["name"] for row in kept] == [f"late {number}" for number in range(4)]
        assert (await machine.verdict()).complaints == []
        assert await machine.stop() == 0


async def test_a_missing_folder_is_made_and_told(host: Host) -> None:
    async with open_machine(host) as machine:
        there = machine.folder / "not" / "there"
        machine.settings["DATABASE_URL"] = f"sqlite+aiosqlite:///{there}/bot.db"
        machine.settings["DATA_DIR"] = str(there / "files")
        assert await machine.start()
        assert [line["path"] for line in machine.logged("database.new")] == [str(there / "bot.db")]
        assert await machine.stop() == 0
        assert await machine.start()
        assert not machine.logged("database.new")
        assert await machine.stop() == 0


# --- one process for one file, one bot for one folder ---


async def test_a_second_process_is_refused_by_whatever_name_it_comes(host: Host) -> None:
    async with open_machine(host) as machine:
        assert await machine.start()
        with tempfile.TemporaryDirectory() as other:
            (Path(other) / "folder").symlink_to(machine.folder)
            (Path(other) / "other.db").symlink_to(machine.folder / "bot.db")
            names = [
                f"{machine.folder}/bot.db",
                "bot.db",
                f"{machine.folder}/../{machine.folder.name}/./bot.db",
                f"{other}/folder/bot.db",
                f"{other}/other.db",
            ]
            for name in names:
                for command in ("run", "migrate"):
                    code, _, err = await machine.command(
                        command, DATABASE_URL=f"sqlite+aiosqlite:///{name}", DATA_DIR=other
                    )
                    err = "".join(line for line in err.splitlines() if "database.new" not in line)
                    assert code == 2, (name, err)
                    assert err.startswith("Another process of the bot is using ")
        assert machine.alive
        assert await machine.stop() == 0


async def test_two_bots_do_not_share_a_data_folder(host: Host) -> None:
    async with open_machine(host) as machine:
        assert await machine.start()
        code, _, err = await machine.command("run", DATABASE_URL=f"sqlite+aiosqlite:///{machine.folder}/other.db")
        assert code == 2
        assert err.splitlines()[-1] == (
            f"DATA_DIR ({machine.folder}) is used by another process of the bot. Give each bot a folder of its own."
        )
        assert await machine.stop() == 0


# --- while it runs ---


async def taken_after_all(machine: Machine, prompt: str) -> None:
    """All is well again: everything that was asked for has come to its end, and so does a new request."""
    await machine.until_health("/readyz", lambda status, _: status == 200)
    await machine.ask(0, prompt)
    assert await machine.rest(machine.asks)
    assert (await machine.verdict()).complaints == []
    assert await machine.stop() == 0


async def test_a_database_that_is_locked_while_pictures_are_made_delays_them_and_refuses_new_ones(
    host: Host, free_port: int
) -> None:
    settings = {"HEALTH_PORT": str(free_port)}
    async with open_machine(host, settings=settings, variants={"task_s": (8.0, 8.0)}) as machine:
        assert await machine.start()
        under_way = await machine.ask(0, "Under way.", image_1=image("red"))
        assert await machine.until(lambda: machine.rows("SELECT 1 FROM pictures WHERE state = 'painting'"))
        with closing(sqlite3.connect(machine.folder / "bot.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            told = await machine.until_health("/readyz", lambda status, _: status == 503)
            assert told["database"] == "not writable"
            assert (await machine.health("/healthz"))[0] == 200
            turned_down = await machine.ask(0, "Turned down.")
            assert await machine.until(lambda: UNWRITTEN in text_of(machine, turned_down))
            assert "Nothing was charged." in text_of(machine, turned_down)
            other.execute("ROLLBACK")
        assert machine.row_of(turned_down) is None
        assert not machine.at_rest(under_way) or machine.row_of(under_way)
        assert machine.logged("database.down")
        await taken_after_all(machine, "Taken again.")


async def test_a_disk_that_refuses_every_write_stops_nothing_for_good(host: Host, free_port: int) -> None:
    """The limit on the size of files is the kernel's; it strikes the database and the pictures alike."""
    settings = {"HEALTH_PORT": str(free_port)}
    async with open_machine(host, settings=settings, variants={"task_s": (8.0, 8.0)}) as machine:
        assert await machine.start()
        under_way = await machine.ask(0, "Under way.")
        assert await machine.until(lambda: machine.rows("SELECT 1 FROM pictures WHERE state = 'painting'"))
        limits = resource.prlimit(machine.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        told = await machine.until_health("/readyz", lambda status, _: status == 503)
        assert told["database"] == "not writable"
        turned_down = await machine.ask(0, "Turned down.")
        assert await machine.until(lambda: UNWRITTEN in text_of(machine, turned_down))
        assert machine.alive
        resource.prlimit(machine.pid, resource.RLIMIT_FSIZE, limits)
        assert machine.row_of(turned_down) is None
        assert machine.row_of(under_way)
        await taken_after_all(machine, "Taken again.")


def text_of(machine: Machine, ask: object) -> str:
    """Return all that was said to a person about a request."""
    interaction = ask.interaction  # type: ignore[attr-defined]
    ids = {interaction.message_id, *interaction.followup_ids}
    return "\n".join(machine.wire.books.messages[one].text for one in ids if one in machine.wire.books.messages)
