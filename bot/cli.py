"""The console script: run · demo · doctor · health · migrate · sync · audit · backup · restore · sandbox."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import os
import socket
import sys
from collections.abc import Callable, Coroutine, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from bot import logs
from bot.config import Settings, load_key, load_local_settings, load_settings, load_what_is_there, misspelt_names
from bot.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from bot.backup import Copied

log = structlog.get_logger(__name__)
Work = Callable[[argparse.Namespace], Coroutine[Any, Any, int]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code: 0 well, 1 something was found, 2 it can't be started like this."""
    os.umask(0o077)  # what is written holds prompts and pictures: it is for the bot's user only
    options = _parser().parse_args(arguments)
    work: Work = options.work
    try:
        return asyncio.run(work(options))
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return 2
    except StorageError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        if "port" not in options or error.filename is not None:  # it is about a file, not about listening
            raise
        print(_cannot_listen(error, options), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def console() -> None:
    """Run as the console script."""
    sys.exit(main())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nano-banana-bot", description="A Discord bot that paints with Nano Banana Pro."
    )
    parser.add_argument("--version", action="version", version=version("nano-banana-bot"))
    parser.add_argument("--env-file", type=Path, default=Path(".env"), help="where the settings are (default: .env)")
    commands = parser.add_subparsers(required=True, metavar="command")

    def add(name: str, work: Work, text: str, within: Any = commands) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = within.add_parser(name, help=text, description=text)
        command.set_defaults(work=work)
        return command

    add("run", _run, "Run the bot.")
    demo = add("demo", _demo, "Try the bot offline, in a browser page, against sandboxes of Discord and Rivya.")
    demo.add_argument("--port", type=_port, default=8765, help="of the page; 0 takes a free one (default: 8765)")
    demo.add_argument("--task-seconds", type=float, nargs=2, default=(6.0, 10.0), metavar=("FROM", "TO"))
    add("doctor", _doctor, "Check, line by line, whether everything is there that the bot needs.")
    add("health", _health, "Ask the running bot whether it works; exits with 1 when it does not.")
    add("migrate", _migrate, "Bring the database to this version (run does that too).")
    add("sync", _sync, "Register the commands with Discord, whether they changed or not.")
    add(
        "audit", _audit, "Check the books; exits with 1 and a list where they don't add up. Works beside a running bot."
    )
    add("backup", _backup, "Copy database and files to a folder; works beside a running bot.").add_argument(
        "folder", type=Path
    )
    add("restore", _restore, "Bring a backup back, while no bot runs.").add_argument("folder", type=Path)
    sandbox = add("sandbox", _demo, "Play one of the services the bot uses.").add_subparsers(
        required=True, metavar="service"
    )
    rivya = add("rivya", _sandbox_rivya, "Serve a sandbox of the Rivya Public API on loopback.", sandbox)
    rivya.add_argument("--host", default="127.0.0.1")
    rivya.add_argument("--port", type=_port, default=8766)
    rivya.add_argument("--seed", type=int, default=0)
    return parser


def _port(value: str) -> int:
    port = int(value)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{value} is not a port: those are from 0 to 65535")
    return port


def _cannot_listen(error: OSError, options: argparse.Namespace) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {options.port} is taken. Choose another with --port; 0 takes a free one."
    # The errors of a name's lookup have numbers of their own.
    why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
    return f"Port {options.port} of {getattr(options, 'host', '127.0.0.1')} can't be served: {why}."


def _settings(options: argparse.Namespace) -> Settings:
    return _logging(load_settings(options.env_file))


def _local_settings(options: argparse.Namespace) -> Settings:
    return _logging(load_local_settings(options.env_file))


def _logging(settings: Settings) -> Settings:
    logs.configure(
        level=settings.log_level,
        form=settings.log_format,
        secrets=[settings.discord_token, settings.rivya_api_key],
    )
    return settings


async def _run(options: argparse.Namespace) -> int:
    from bot.keys import RivyaKey
    from bot.stopping import Stop

    # Before everything else: importing the rest and opening the database take a moment.
    stop = Stop()
    stop.listen()
    settings = _settings(options)
    key = RivyaKey(settings.rivya_api_key, lambda: load_key(options.env_file))
    key.listen(stop.ask)
    for sentence in misspelt_names(options.env_file):
        log.warning("settings.unknown", sentence=sentence)
    from bot.run import run

    await run(settings, stop, key)
    return 0


async def _demo(options: argparse.Namespace) -> int:
    with _needs_sandbox():
        from bot.sandbox.demo import demo
    logs.configure(level="WARNING", form="console")
    await demo(port=options.port, task_s=tuple(options.task_seconds))
    return 0


async def _doctor(options: argparse.Namespace) -> int:
    from bot.doctor import examine, render

    settings, problems = load_what_is_there(options.env_file)
    checks = await examine(settings, problems=problems, misspelt=misspelt_names(options.env_file))
    print(render(checks))
    return 1 if any(check.ok is False for check in checks) else 0


async def _health(options: argparse.Namespace) -> int:
    from bot.health import ask_health

    settings = load_local_settings(options.env_file)
    if settings.health_port is None:
        raise ConfigError(["HEALTH_PORT is not set, so the bot does not say how it is."])
    well, answer = await ask_health(settings.health_port)
    print(answer)
    return 0 if well else 1


async def _migrate(options: argparse.Namespace) -> int:
    from bot.storage import open_database

    async with open_database(_local_settings(options).database_url) as database:
        print(f"{database.path} is at this version.")
    return 0


async def _sync(options: argparse.Namespace) -> int:
    from bot.run import sync

    count = await sync(_settings(options))
    print(f"{count} commands are registered.")
    return 0


async def _audit(options: argparse.Namespace) -> int:
    from bot.clock import SystemClock
    from bot.credits.audit import audit, render
    from bot.storage import open_database

    settings = _local_settings(options)
    async with open_database(settings.database_url, exclusive=False) as database, database.read() as connection:
        report = await audit(connection, now_ms=SystemClock().now_ms())
    print(render(report))
    return 0 if report.clean else 1


async def _backup(options: argparse.Namespace) -> int:
    from bot.backup import backup

    copied = await backup(_local_settings(options), options.folder)
    print(f"{options.folder} holds the database and {_in_words(copied)}.")
    return 0


async def _restore(options: argparse.Namespace) -> int:
    from bot.backup import restore
    from bot.clock import SystemClock

    copied = await restore(_local_settings(options), options.folder, SystemClock())
    print(f"The database is that of {options.folder}, and so are {_in_words(copied)}.")
    print("What it had before is beside it, as *.before-restore-*. Run `audit`, then start the bot.")
    return 0


def _in_words(copied: Copied) -> str:
    gone = f" ({copied.gone} were gone)" if copied.gone else ""
    return f"{copied.files} files of {copied.size_bytes / 1_000_000:.1f} MB{gone}"


async def _sandbox_rivya(options: argparse.Namespace) -> int:
    with _needs_sandbox():
        from bot.sandbox.rivya import serve_rivya
    logs.configure(level="INFO", form="auto")

    def tell(url: str, api_key: str) -> None:
        # Not in the log, which never shows a key.
        print(f"RIVYA_BASE_URL={url}\nRIVYA_API_KEY={api_key}", flush=True)

    await serve_rivya(host=options.host, port=options.port, seed=options.seed, tell=tell)
    return 0


@contextlib.contextmanager
def _needs_sandbox() -> Any:
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError(
            [f"The sandbox needs {error.name}, which the bot itself does not. Set it up with `make setup`."]
        ) from error
