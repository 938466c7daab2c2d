"""What every test may ask for."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import structlog

from bot.storage import Database, open_database
from tests.clocks import TestClock
from tests.crash.launcher import Launcher


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
