"""The console script as an operator uses it: exit codes, and one sentence for each problem."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from bot.cli import main
from bot.sandbox.rivya import SANDBOX_KEY
from bot.storage import open_database
from tests.discord_rest import serve_discord_rest

PATIENCE_S = 60


@pytest.fixture(autouse=True)
def env(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Set everything to something that leads nowhere; work in a folder without a `.env`."""
    settings = {
        "DISCORD_TOKEN": "some-token",
        "DISCORD_API_URL": "http://127.0.0.1:9/api/v10",
        "DISCORD_GATEWAY_URL": "ws://127.0.0.1:9/",
        "RIVYA_API_KEY": SANDBOX_KEY,
        "RIVYA_BASE_URL": "http://127.0.0.1:9",
        "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path / 'bot.db'}",
        "DATA_DIR": str(tmp_path / "data"),
        "SHUTDOWN_GRACE_S": "1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield settings
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def _lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err + captured.out
    return captured.err.splitlines()


# --- settings ---


@pytest.mark.parametrize("command", ["run", "doctor", "sync"])
def test_each_problem_is_one_sentence(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DISCORD_TOKEN")
    monkeypatch.setenv("RIVYA_API_KEY", " ")
    monkeypatch.setenv("MAX_RUNNING", "many")
    assert main([command]) == 2
    lines = _lines(capsys)
    assert [line.split(" ", 1)[0] for line in lines] == ["DISCORD_TOKEN", "RIVYA_API_KEY", "MAX_RUNNING"]
    assert all(line.endswith(".") for line in lines)


@pytest.mark.parametrize("command", ["migrate", "audit", "health"])
def test_what_speaks_to_nobody_needs_no_token(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DISCORD_TOKEN")
    monkeypatch.setenv("RIVYA_API_KEY", "not a key at all")
    monkeypatch.setenv("HEALTH_PORT", "9")
    if command == "audit":
        assert main(["migrate"]) == 0
    assert main([command]) == (1 if command == "health" else 0)
    assert "TOKEN" not in capsys.readouterr().err


def test_the_doctor_without_a_token_looks_at_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DISCORD_TOKEN")
    monkeypatch.setenv("RIVYA_API_KEY", "no good")
    assert main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    told = {line[5:18].strip(): line for line in lines if not line.startswith(" ")}
    assert told["token"].startswith("FAIL")
    assert "DISCORD_TOKEN is missing." in told["token"]
    assert told["key"].startswith("FAIL")
    assert "RIVYA_API_KEY has characters that can't be part of it" in told["key"]
    assert "no good" not in "".join(lines)
    assert [told[name][:4].strip() for name in ("application", "database", "data folder")] == ["?", "ok", "ok"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("MAX_RUNING", "MAX_RUNING (in .env) is not a setting; MAX_RUNNING is. It has no effect."),
        ("shutdown_grace", "shutdown_grace (in .env) is not a setting; SHUTDOWN_GRACE_S is. It has no effect."),
        ("RIVYA_PROXY", "RIVYA_PROXY (in .env) is not a setting. It has no effect."),
        ("COMPOSE_PROJECT_NAME", None),
    ],
)
def test_a_misspelt_name_is_told(
    name: str, sentence: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env").write_text(f"{name}=s3cret-value\n")
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "s3cret-value" not in out
    assert [line[2:].split("settings", 1)[1].strip() for line in out.splitlines() if " settings " in line] == (
        [sentence] if sentence else []
    )


def test_a_misspelt_name_of_the_environment_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOG_LEVELL", "DEBUG")
    assert main(["doctor"]) == 1
    assert "LOG_LEVELL (in the environment) is not a setting; LOG_LEVEL is." in capsys.readouterr().out


def test_settings_are_read_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DATABASE_URL")
    (tmp_path / "other.env").write_text(f"DATABASE_URL=sqlite+aiosqlite:///{tmp_path / 'other.db'}\n")
    assert main(["--env-file", "other.env", "migrate"]) == 0
    assert "other.db is at this version." in capsys.readouterr().out
    assert (tmp_path / "other.db").exists()


@pytest.mark.parametrize("arguments", [[], ["no-such-command"], ["sandbox"]])
def test_an_unknown_command_shows_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: nano-banana-bot" in capsys.readouterr().err


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.strip()


# --- migrate, audit ---


def test_migrate_and_audit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit"]) == 2
    (line,) = _lines(capsys)
    assert line == f"There is no database at {tmp_path / 'bot.db'}."
    assert not (tmp_path / "bot.db").exists()

    assert main(["migrate"]) == 0
    assert main(["migrate"]) == 0
    capsys.readouterr()
    assert main(["audit"]) == 0

    with sqlite3.connect(tmp_path / "bot.db") as connection:
        triggers = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        connection.execute(f"DROP TRIGGER {triggers[0]}")
    connection.close()
    capsys.readouterr()
    assert main(["audit"]) == 1
    assert triggers[0] in capsys.readouterr().out

    (tmp_path / "bot.db").write_bytes(b"this is not a database at all, but long enough to be looked at" * 100)
    for path in tmp_path.glob("bot.db-*"):
        path.unlink()
    assert main(["audit"]) == 2
    (line,) = _lines(capsys)
    assert "is damaged" in line


async def test_one_process_for_one_file(
    tmp_path: Path, env: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_database(env["DATABASE_URL"]):
        assert await asyncio.to_thread(main, ["migrate"]) == 2
        (line,) = _lines(capsys)
        assert line.startswith(f"Another process of the bot is using {tmp_path / 'bot.db'}.")
        assert await asyncio.to_thread(main, ["audit"]) == 0


# --- doctor, sync ---


def test_doctor_tells_what_is_not_fine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 1
    captured = capsys.readouterr()
    assert "Traceback" not in captured.out + captured.err
    assert "some-token" not in captured.out
    assert SANDBOX_KEY not in captured.out
    assert len(captured.out.splitlines()) > 5


def test_sync_without_discord(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sync"]) == 2
    assert "The commands are not registered with Discord: it can't be reached." in _lines(capsys)[-1]


# --- as a process ---


@pytest.fixture(scope="session")
def pyc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder for compiled modules, so that only the first process compiles them."""
    return tmp_path_factory.mktemp("pyc")


def _process(*arguments: str, cache: Path) -> subprocess.Popen[str]:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env.setdefault("PYTHONPYCACHEPREFIX", str(cache))
    env["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
    command = [sys.executable, "-m", "bot", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)


def test_run_ends_cleanly(pyc: Path, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MAX_RUNING=1\n")
    process = _process("run", cache=pyc)
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if "discord.unreachable" in line:
            break
    # While Discord can't be reached nobody else may use the file.
    (tmp_path / ".env").unlink()
    other = _process("run", cache=pyc)
    _, said = other.communicate(timeout=PATIENCE_S)
    assert other.returncode == 2
    assert said.startswith("Another process of the bot is using ")
    assert len(said.splitlines()) == 1
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=PATIENCE_S)
    said = "".join(lines) + rest
    assert process.returncode == 0
    assert "Traceback" not in said
    assert "engine.stopped" in said
    assert "MAX_RUNNING is. It has no effect." in said
    assert "some-token" not in said
    assert SANDBOX_KEY not in said


async def test_a_wrong_token_is_one_sentence(pyc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve_discord_rest() as rest:
        rest.token = "another-token"
        monkeypatch.setenv("DISCORD_API_URL", rest.url)
        monkeypatch.setenv("LOG_LEVEL", "ERROR")
        process = _process("run", cache=pyc)
        _, said = await asyncio.to_thread(process.communicate, timeout=PATIENCE_S)
    assert process.returncode == 2
    assert said.splitlines() == ["DISCORD_TOKEN is not accepted by Discord. Copy it again from the portal."]


@pytest.mark.parametrize("command", [["sandbox", "rivya"], ["demo"]])
def test_a_port_that_is_taken_is_one_sentence(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main([*command, "--port", str(port)]) == 2
    lines = _lines(capsys)
    assert str(port) in lines[-1]
    assert lines[-1].endswith(".")


@pytest.mark.parametrize("command", [["sandbox", "rivya"], ["demo"]])
@pytest.mark.parametrize("port", ["70000", "-1", "http"])
def test_a_port_that_is_none_is_one_sentence(command: list[str], port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, f"--port={port}"])
    assert ended.value.code == 2
    assert "argument --port" in _lines(capsys)[-1]


@pytest.mark.parametrize("host", ["203.0.113.9", "no-such-host.invalid"])
def test_a_host_that_is_not_here_is_one_sentence(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox", "rivya", "--port", "0", "--host", host]) == 2
    last = _lines(capsys)[-1]
    assert last.startswith(f"Port 0 of {host} can't be served: ")
    assert last.endswith(".")


def test_the_sandbox_tells_its_url_and_its_key(pyc: Path) -> None:
    process = _process("sandbox", "rivya", "--port", "0", cache=pyc)
    assert process.stdout is not None
    url, key = process.stdout.readline(), process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)
    assert url.startswith("RIVYA_BASE_URL=http://127.0.0.1:")
    assert key == f"RIVYA_API_KEY={SANDBOX_KEY}\n"
