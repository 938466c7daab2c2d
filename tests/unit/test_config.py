"""Every wrong setting ends in one clear sentence, and no sentence gives a secret away."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config import Settings, load_settings
from bot.errors import ConfigError

TOKEN = "MTE0NzQ4NzQ4NzQ4NzQ4NzQ4NzQ.GaBcDe.abcdefghijklmnopqrstuvwxyz0123456789AB"
KEY = "rvya_sk_0123456789abcdef"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISCORD_TOKEN", TOKEN)
    monkeypatch.setenv("RIVYA_API_KEY", KEY)


def problems(env_file: Path | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_settings(env_file)
    assert TOKEN not in str(caught.value)
    assert KEY not in str(caught.value)
    return caught.value.problems


def test_the_two_required_ones_are_enough() -> None:
    found = load_settings(None)
    assert found.discord_token.get_secret_value() == TOKEN
    assert found.rivya_api_key.get_secret_value() == KEY
    assert found.database_url == "sqlite+aiosqlite:///data/bot.db"
    assert found.discord_api_url == "https://discord.com/api/v10"
    assert found.allowed_guilds == frozenset()


URL = "must be an address such as https://example.org."
WRONG = [
    ("MAX_RUNNING", "many", "MAX_RUNNING must be a whole number."),
    ("MAX_RUNNING", "1.5", "MAX_RUNNING must be a whole number."),
    ("MAX_RUNNING", "0", "MAX_RUNNING must be at least 1."),
    ("MAX_RUNNING", "1001", "MAX_RUNNING must be at most 1000."),
    ("MEMBER_CREDITS_PER_MONTH", "-1", "MEMBER_CREDITS_PER_MONTH must be at least 0."),
    ("GUILD_CREDITS_PER_MONTH", "none", "GUILD_CREDITS_PER_MONTH must be a whole number."),
    ("ACCOUNT_CREDITS_PER_DAY", "12.5", "ACCOUNT_CREDITS_PER_DAY must be a whole number."),
    ("LOG_LEVEL", "loud", "LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR."),
    ("LOG_FORMAT", "xml", "LOG_FORMAT must be auto, json or console."),
    (
        "ALLOWED_GUILDS",
        "1, home, 3",
        "ALLOWED_GUILDS must hold servers' ids, which are numbers; number 2 of the list is not one.",
    ),
    ("RIVYA_BASE_URL", "rivya.ai", f"RIVYA_BASE_URL {URL}"),
    ("RIVYA_BASE_URL", "wss://rivya.ai", f"RIVYA_BASE_URL {URL}"),
    ("RIVYA_BASE_URL", KEY, f"RIVYA_BASE_URL {URL}"),
    ("RIVYA_BASE_URL", "https://[::1", f"RIVYA_BASE_URL {URL}"),
    ("RIVYA_BASE_URL", "https://rivya.ai:99999", f"RIVYA_BASE_URL {URL}"),
    ("DISCORD_API_URL", "http://x.org", "DISCORD_API_URL must begin with https:// unless it is on this machine."),
    ("DISCORD_CDN_URL", "https://", f"DISCORD_CDN_URL {URL}"),
    ("DISCORD_GATEWAY_URL", "https://x.org", "DISCORD_GATEWAY_URL must be an address such as wss://example.org."),
    ("DISCORD_GATEWAY_URL", "ws://x.org", "DISCORD_GATEWAY_URL must begin with wss:// unless it is on this machine."),
    ("DATABASE_URL", "postgresql://h/db", "DATABASE_URL must name a file: sqlite+aiosqlite:///data/bot.db."),
    ("DATABASE_URL", "sqlite+aiosqlite:///", "DATABASE_URL must name a file: sqlite+aiosqlite:///data/bot.db."),
    ("DATABASE_URL", "sqlite+aiosqlite:///:memory:", "DATABASE_URL must name a file: sqlite+aiosqlite:///data/bot.db."),
    ("DISCORD_TOKEN", "abc def", "DISCORD_TOKEN has characters that can't be part of it; copy it again."),
    ("RIVYA_API_KEY", "schlüssel", "RIVYA_API_KEY has characters that can't be part of it; copy it again."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "sentence"), WRONG)
def test_a_wrong_value_is_one_sentence(monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str) -> None:
    monkeypatch.setenv(name, value)
    assert problems() == [sentence]


@pytest.mark.parametrize("value", [None, "", "   "])
def test_a_missing_secret_says_where_it_comes_from(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is None:
        monkeypatch.delenv("DISCORD_TOKEN")
    else:
        monkeypatch.setenv("DISCORD_TOKEN", value)
    (sentence,) = problems()
    assert sentence.startswith("DISCORD_TOKEN is missing. ")
    assert "developer portal" in sentence
    assert ".env" in sentence


def test_all_problems_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RIVYA_API_KEY")
    monkeypatch.setenv("MAX_WAITING", "0")
    monkeypatch.setenv("DATABASE_URL", "mysql://x")
    monkeypatch.setenv("LOG_LEVEL", "loud")
    found = problems()
    assert len(found) == 4
    for name in ("RIVYA_API_KEY", "MAX_WAITING", "DATABASE_URL", "LOG_LEVEL"):
        assert sum(sentence.startswith(name) for sentence in found) == 1


@pytest.mark.parametrize("name", ["member_credits_per_month", "guild_credits_per_month", "account_credits_per_day"])
def test_an_allowance_is_unlimited_when_empty_and_nothing_when_nought(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert getattr(load_settings(None), name) > 0
    for value, meaning in (("", None), (" ", None), ("0", 0), ("25", 25)):
        monkeypatch.setenv(name.upper(), value)
        assert getattr(load_settings(None), name) == meaning


def test_any_other_empty_value_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAX_RUNNING", "DATA_DIR", "DATABASE_URL", "RIVYA_BASE_URL", "LOG_LEVEL", "ALLOWED_GUILDS"):
        monkeypatch.setenv(name, " ")
    found = load_settings(None)
    assert (found.max_running, found.data_dir, found.log_level) == (16, Path("data"), "INFO")
    assert found.rivya_base_url == "https://rivya.ai"
    assert found.allowed_guilds == frozenset()


def test_guilds_are_read_with_commas_and_blanks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_GUILDS", " 1, 22;333,")
    assert load_settings(None).allowed_guilds == {1, 22, 333}


def test_addresses_of_this_machine_need_no_encryption(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RIVYA_BASE_URL", "http://127.0.0.1:8080/")
    monkeypatch.setenv("DISCORD_API_URL", "http://localhost:1/api/v10")
    monkeypatch.setenv("DISCORD_GATEWAY_URL", "ws://[::1]:2/")
    found = load_settings(None)
    assert found.rivya_base_url == "http://127.0.0.1:8080"
    assert found.discord_gateway_url == "ws://[::1]:2/"


def test_the_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DISCORD_TOKEN")
    env_file = tmp_path / ".env"
    env_file.write_text("DISCORD_TOKEN=from-the-file\nMAX_RUNNING=3\nMAX_WAITING=5\nUNKNOWN=1\n# LOG_LEVEL=DEBUG\n")
    monkeypatch.setenv("MAX_RUNNING", "4")
    found = load_settings(env_file)
    assert found.discord_token.get_secret_value() == "from-the-file"
    assert (found.max_running, found.max_waiting, found.log_level) == (4, 5, "INFO")
    assert load_settings(env_file, max_running=7).max_running == 7


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_bytes(b"\xff\xfe\x00D")
    assert problems(env_file) == [f"{env_file} is not a text file in UTF-8. Save it as one."]


def test_the_example_can_be_used_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With every line switched on it says what the defaults are."""
    example = (Path(__file__).parents[2] / ".env.example").read_text(encoding="utf-8")
    lines = [line.removeprefix("# ") for line in example.splitlines() if "=" in line.split(" ")[-1][:40]]
    settings_lines = [line for line in lines if line.partition("=")[0].isupper()]
    env_file = tmp_path / ".env"
    env_file.write_text(
        "\n".join(line for line in settings_lines if not line.startswith(("DISCORD_TOKEN", "RIVYA_API")))
    )
    assert len(settings_lines) == len(Settings.model_fields)
    assert load_settings(env_file) == load_settings(None)


def test_secrets_stay_secret() -> None:
    found = load_settings(None)
    for shown in (repr(found), str(found), found.model_dump_json()):
        assert TOKEN not in shown
        assert KEY not in shown
