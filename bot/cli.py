"""The console script: run · demo · doctor · migrate · sync · audit · sandbox."""

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
from typing import Any

from bot import logs
from bot.config import Settings, load_settings
from bot.errors import ConfigError, StorageError

Work = Callable[[argparse.Namespace], Coroutine[Any, Any, int]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code: 0 well, 1 something was found, 2 it can't be started like this."""
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
    settings = load_settings(options.env_file)
    logs.configure(
        level=settings.log_level,
        form=settings.log_format,
        secrets=[settings.discord_token, settings.rivya_api_key],
    )
    return settings


async def _run(options: argparse.Namespace) -> int:
    from bot.run import run

    await run(_settings(options))
    return 0


async def _demo(options: argparse.Namespace) -> int:
    with _needs_sandbox():
        from bot.sandbox.demo import demo
    logs.configure(level="WARNING", form="console")
    await demo(port=options.port, task_s=tuple(options.task_seconds))
    return 0


async def _doctor(options: argparse.Namespace) -> int:
    from bot.doctor import examine, render

    checks = await examine(load_settings(options.env_file))
    print(render(checks))
    return 1 if any(check.ok is False for check in checks) else 0


async def _health(options: argparse.Namespace) -> int:
    from bot.health import ask_health

    settings = load_settings(options.env_file)
    if settings.health_port is None:
        raise ConfigError(["HEALTH_PORT is not set, so the bot does not say how it is."])
    well, answer = await ask_health(settings.health_port)
    print(answer)
    return 0 if well else 1


async def _migrate(options: argparse.Namespace) -> int:
    from bot.storage import open_database

    async with open_database(_settings(options).database_url) as database:
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

    settings = load_settings(options.env_file)
    async with open_database(settings.database_url, exclusive=False) as database, database.read() as connection:
        report = await audit(connection, now_ms=SystemClock().now_ms())
    print(render(report))
    return 0 if report.clean else 1


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
