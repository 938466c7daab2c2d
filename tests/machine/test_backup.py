"""A backup is made beside a running bot, and brings everything back; what was waiting then is not paid for again."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.sandbox.rivya import Fault, FaultKind
from tests.crash.pictures import image
from tests.crash.world import Ask
from tests.machine.world import Host, Machine, open_machine

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def backed_up(machine: Machine, folder: Path) -> str:
    code, out, err = await machine.command("backup", str(folder), DISCORD_TOKEN="", RIVYA_API_KEY="")
    assert code == 0, err
    return out


def said(machine: Machine, ask: Ask) -> str:
    return machine.wire.books.messages[ask.interaction.message_id or 0].text


def results(machine: Machine) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (machine.folder / "results").iterdir()}


async def test_a_backup_beside_a_running_bot_brings_everything_back(host: Host, tmp_path: Path) -> None:
    async with open_machine(host, variants={"task_s": (2.0, 2.0)}) as machine:
        assert await machine.start()
        folder = tmp_path / "backup"
        first = await machine.ask(0, "Delivered before.", image_1=image("red"))
        assert await machine.rest([first])
        assert "holds the database and " in await backed_up(machine, folder)

        # A second one into the same folder, with work in every state that matters.
        machine.rivya.variants.task_s = (400.0, 400.0)
        painted = await machine.ask(0, "Being painted at the backup.")
        assert await machine.until(lambda: machine.rows("SELECT 1 FROM pictures WHERE state = 'painting'"))
        machine.rivya.faults.add(Fault(kind=FaultKind.HANG, route="upload", times=None))
        waiting = await machine.ask(0, "Waiting at the backup.", image_1=image("blue"))
        assert await machine.until(lambda: machine.rows("SELECT 1 FROM reference_images WHERE state = 'ready'"))
        await backed_up(machine, folder)
        assert not list(folder.rglob("*.part"))

        # Life goes on, and both pictures come; then the disk is lost.
        machine.rivya.faults.clear()
        machine.rivya.variants.task_s = (2.0, 2.0)
        assert await machine.until(lambda: machine.at_rest(waiting))
        assert await machine.stop() == 0
        machine.clock.advance(400)
        before = results(machine)
        delivered = {ask.prompt: said(machine, ask) for ask in (first, waiting)}
        tasks = len(machine.rivya.books.tasks)
        for path in machine.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

        code, out, err = await machine.command("restore", str(folder), DISCORD_TOKEN="")
        assert code == 0, err
        assert "Run `audit`" in out
        assert (await machine.command("audit"))[0] == 0
        assert await machine.start()
        assert await machine.rest([first, painted, waiting])
        # What had been sent is there, once; what had not is given up: it was sent after the backup.
        assert len(machine.rivya.books.tasks) == tasks
        states = {
            row["prompt"]: row["state"]
            for row in machine.rows("SELECT r.prompt, p.state FROM pictures p JOIN requests r ON r.id = p.request_id")
        }
        assert states == {first.prompt: "fetched", painted.prompt: "fetched", waiting.prompt: "failed"}
        after = results(machine)
        assert len(after) == 2
        assert all(before.get(name, content) == content for name, content in after.items())
        assert before.keys() & after.keys()
        for ask in (first, waiting):
            assert said(machine, ask) == delivered[ask.prompt]
        report = await machine.audit()
        assert (report.findings, report.open_holds) == ((), 0)
        assert await machine.stop() == 0


async def test_a_restore_moves_aside_what_is_there_and_is_refused_beside_a_bot(host: Host, tmp_path: Path) -> None:
    async with open_machine(host) as machine:
        assert (await machine.command("restore", str(tmp_path)))[0] == 2
        assert await machine.start()
        await machine.rest([await machine.ask(0, "Before.")])
        await backed_up(machine, tmp_path)
        await machine.rest([await machine.ask(0, "After.")])
        code, _, err = await machine.command("restore", str(tmp_path))
        assert (code, len(err.splitlines())) == (2, 1)
        assert err.startswith("Another process of the bot is using ")
        assert await machine.stop() == 0
        (machine.folder / "bot.db").write_bytes(b"\xa5" * 50_000)  # as after a disk's failure
        assert (await machine.command("run"))[0] == 2
        code, _, err = await machine.command("restore", str(tmp_path))
        assert code == 0, err
        assert [row["prompt"] for row in machine.rows("SELECT prompt FROM requests")] == ["Before."]
        (aside,) = machine.folder.glob("bot.db.before-restore-*T??????")
        assert aside.read_bytes() == b"\xa5" * 50_000
        assert await machine.start()
        await machine.rest([await machine.ask(0, "And on.")])
        assert await machine.stop() == 0


async def test_a_backup_holds_what_a_busy_writer_had_committed(host: Host, tmp_path: Path) -> None:
    async with open_machine(host) as machine:
        assert (await machine.command("migrate"))[0] == 0
        with closing(sqlite3.connect(machine.folder / "bot.db", isolation_level=None)) as writer:
            writer.execute("INSERT INTO facts VALUES ('committed', 'x', 0)")
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("INSERT INTO facts VALUES ('not committed', 'x', 0)")
            await backed_up(machine, tmp_path)
        with closing(sqlite3.connect(tmp_path / "backup.db")) as copy:
            found = [row[0] for row in copy.execute("SELECT name FROM facts WHERE name LIKE '%committed'")]
        assert found == ["committed"]
        assert (await machine.command("backup", str(tmp_path), DATABASE_URL="sqlite+aiosqlite:///none.db"))[0] == 2
