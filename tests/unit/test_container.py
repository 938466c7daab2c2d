"""What the container and the systemd unit promise, as far as their files show it; tests/container runs the rest."""

import configparser
from pathlib import Path

import pytest
import yaml

from bot.config import Settings
from tests.container.dockerfile import Stage, build_context, read_dockerfile

ROOT = Path(__file__).parents[2]
GRACE_S = Settings.model_fields["shutdown_grace_s"].default


@pytest.fixture
def stages() -> list[Stage]:
    return read_dockerfile(ROOT / "Dockerfile")


def test_the_image_runs_as_a_user_of_its_own_that_may_write_its_volume_only(stages: list[Stage]) -> None:
    final = stages[-1]
    user, _, group = final.last("USER").text.partition(":")
    # In numbers, so that whoever runs it can tell that it is not root.
    assert user.isdecimal()
    assert group.isdecimal()
    assert int(user) > 0
    names = [step.name for step in final.steps]
    assert "RUN" not in names[names.index("USER") :]
    assert [step.words for step in final.steps if step.name == "VOLUME"] == [["/app/data"]]


def test_process_one_is_the_bot_itself_so_that_signals_reach_it(stages: list[Stage]) -> None:
    final = stages[-1]
    assert [*final.last("ENTRYPOINT").words, *final.last("CMD").words] == ["nano-banana-bot", "run"]
    assert final.last("HEALTHCHECK").words == ["nano-banana-bot", "health"]
    assert final.last("STOPSIGNAL").text == "SIGTERM"


def test_what_is_installed_in_the_image_is_locked(stages: list[Stage]) -> None:
    installs = [
        part for step in stages[0].steps if step.name == "RUN" for part in step.text.split("&&") if " install " in part
    ]
    assert len(installs) == 3
    assert all("--require-hashes" in part or "--no-index" in part for part in installs)
    assert all("--no-deps" in part for part in installs)  # pip would look for more than the lock names


def test_make_installs_what_the_lock_names_and_looks_for_nothing_else() -> None:
    """Pip 23 otherwise looks for the newest release of what is asked for with an extra, and stops at it."""
    makefile = (ROOT / "Makefile").read_text()
    installs = [line for line in makefile.splitlines() if "$(PIP) install" in line]
    assert len(installs) == 2
    assert all("--no-deps" in line for line in installs)
    assert "$(PIP) check" in makefile


def test_the_build_is_sent_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    wanted = {"LICENSE", "README.md", "pyproject.toml", "requirements/run.lock", "bot/app.py", "bot/storage/tables.py"}
    others = {
        ".env",
        ".env.local",
        "data/bot.db",
        "data/results/a.png",
        ".git/config",
        "tests/test_a.py",
        "compose.yaml",
    }
    others |= {
        "bot/__pycache__/app.pyc",
        "bot/storage/__pycache__/tables.pyc",
        "requirements/dev.lock",
        ".venv/bin/python",
    }
    others |= {"bot/.env", "bot/bot.db", "cogs/.env.production", "bot/bot.db-wal"}
    for name in wanted | others:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".dockerignore").write_bytes((ROOT / ".dockerignore").read_bytes())
    assert set(build_context(tmp_path)) == wanted


def test_compose_closes_what_the_bot_does_not_need() -> None:
    bot = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]["bot"]
    assert bot["read_only"] is True
    assert bot["cap_drop"] == ["ALL"]
    assert bot["security_opt"] == ["no-new-privileges:true"]
    assert [mount.partition(":")[0] for mount in bot["tmpfs"]] == ["/tmp"]
    assert bot["volumes"] == ["data:/app/data"]
    assert not {"ports", "privileged", "cap_add", "environment", "network_mode"} & bot.keys()


def test_nobody_kills_the_bot_within_its_grace() -> None:
    bot = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]["bot"]
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(ROOT / "deploy/nano-banana-bot.service")
    # The grace is for calls that cost money; the connection and the database are closed after it.
    assert int(bot["stop_grace_period"].removesuffix("s")) >= GRACE_S + 10
    assert int(unit["Service"]["TimeoutStopSec"]) >= GRACE_S + 10
