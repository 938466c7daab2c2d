"""What every test may ask for."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import structlog

from bot.storage import Database, open_database
from tests.clocks import TestClock
from tests.crash.launcher import Launcher

LONG = ("tests/crash/test_crash_table.py", "tests/faults/test_fault_table.py", "tests/e2e/test_benchmarks.py")
"""What takes minutes as a whole and tens of seconds each."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let every worker begin with an equal share of what takes long; what is short fills up the end of the run.

    pytest-xdist's worksteal gives each worker one piece of the list, and moves what is left from one to the other.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers == 1:
        return
    long = [item for item in items if item.nodeid.startswith(LONG)]
    short = [item for item in items if not item.nodeid.startswith(LONG)]
    ordered: list[pytest.Item] = []
    for worker in range(workers):
        first = long[worker::workers]
        end = len(items) * (worker + 1) // workers
        room = max(end - len(ordered) - len(first), 0)
        ordered += first + short[:room]
        short = short[room:]
    items[:] = ordered + short


@pytest.fixture(autouse=True)
def plain_logs() -> None:
    """Log errors in few words: the traceback that structlog draws by itself takes a second of the event loop."""
    structlog.configure(
        processors=[structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
    )


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def database_path(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


@pytest.fixture
async def database(database_path: Path) -> AsyncIterator[Database]:
    """Give a real file with the real migrations."""
    async with open_database(f"sqlite+aiosqlite:///{database_path}") as opened:
        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def launcher() -> AsyncIterator[Launcher]:
    """Give what starts bots as processes of their own."""
    async with Launcher() as running:
        yield running
