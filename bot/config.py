"""All settings, read once at the start from the environment and `.env`.

Every field's description is what `.env.example` and the README's table say of it.
"""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError, PydanticUseDefault
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.errors import ConfigError

MIB = 1024 * 1024
Allowance = Annotated[int | None, Field(ge=0)]
SECRETS = ("discord_token", "rivya_api_key")
_UNUSED = "unused"
"""Stands for a token or key that is not needed; under eight characters, so that no log leaves it out."""
_OURS = ("DISCORD_", "RIVYA_", "NBB_")
KEY_FILE_MAX_BYTES = 4096
_CLOSE = 0.8
"""From this likeness on a name is taken for a misspelt one: one or two letters of ten."""
ALLOWANCES = frozenset(
    {
        "member_credits_per_month",
        "guild_credits_per_month",
        "account_credits_per_day",
        "personal_credits_per_month",
        "confirm_above_credits",
        "low_credits",
        "low_credits_days",
        "retention_days",
    }
)
"""Settings whose empty value means that there is no limit."""


class KeySettings(BaseSettings):
    """The key of the image service and where it comes from: the settings that are read again while the bot runs."""

    model_config = SettingsConfigDict(env_file_encoding="utf-8", extra="ignore", frozen=True)

    # Before the key: it is looked at when the key is.
    rivya_api_key_file: Path | None = Field(
        None, description="A file that holds the key, in the place of RIVYA_API_KEY; empty: none."
    )
    rivya_api_key: SecretStr = Field(
        SecretStr(""), validate_default=True, description="The key of your Rivya account (rvya_sk_…)."
    )

    @field_validator("rivya_api_key_file", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("rivya_api_key", mode="before")
    @classmethod
    def _from_file(cls, value: Any, info: ValidationInfo) -> Any:
        given = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not isinstance(given, str):
            return value
        file = info.data.get("rivya_api_key_file")
        if file is None or given == _UNUSED:
            return given.strip()
        if given.strip():
            raise ValueError("and RIVYA_API_KEY_FILE are both set. Keep one of them")
        try:
            with file.open("rb") as opened:
                read = opened.read(KEY_FILE_MAX_BYTES + 1)
            if len(read) > KEY_FILE_MAX_BYTES:
                raise ValueError(
                    f"in RIVYA_API_KEY_FILE is too long: a file of at most {KEY_FILE_MAX_BYTES} bytes can hold it"
                )
            content = read.decode()
        except OSError as error:
            raise ValueError(f"can't be read from RIVYA_API_KEY_FILE ({error.strerror})") from None
        except UnicodeDecodeError:
            raise ValueError("in RIVYA_API_KEY_FILE is not text") from None
        if not content.strip():
            raise ValueError("in RIVYA_API_KEY_FILE is empty")
        return content.strip()

    @field_validator("rivya_api_key")
    @classmethod
    def _key_can_be_sent(cls, value: SecretStr) -> SecretStr:
        return _sendable(value)


class Settings(KeySettings):
    """The settings of one process; see `.env.example` for their meaning."""

    discord_token: SecretStr = Field(description="The bot's token from Discord's developer portal.")
    discord_api_url: str = Field("https://discord.com/api/v10", description="Discord's REST API, or a proxy of it.")
    discord_gateway_url: str = Field("wss://gateway.discord.gg/", description="Discord's gateway.")
    discord_cdn_url: str = Field("https://cdn.discordapp.com", description="Discord's CDN.")
    rivya_base_url: str = Field("https://rivya.ai", description="The Rivya Public API.")
    database_url: str = Field("sqlite+aiosqlite:///data/bot.db", description="The database file.")
    data_dir: Path = Field(Path("data"), description="Where pictures and references are kept.")
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="json, console, or auto: console on a terminal, json elsewhere."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="DEBUG, INFO, WARNING or ERROR."
    )

    allowed_guilds: Annotated[frozenset[int], NoDecode] = Field(
        frozenset(), description="Ids of the servers that may use the bot, with commas between; empty: any."
    )
    operator_ids: Annotated[frozenset[int], NoDecode] = Field(
        frozenset(),
        description="Discord ids of who runs the bot, with commas between: they have /operator and are told by direct "
        "message what needs them; empty: nobody.",
    )
    low_credits: Allowance = Field(
        200, description="The operators are told when the account has fewer credits than this; empty or 0: not."
    )
    low_credits_days: Allowance = Field(
        3, description="The operators are told when the credits last for fewer days than this; empty or 0: not."
    )
    member_credits_per_month: Allowance = Field(
        160,
        description="What one member may spend in a calendar month (UTC) in one server; empty: unlimited, 0: nothing.",
    )
    guild_credits_per_month: Allowance = Field(
        4000, description="What one server's members may spend together in a month; empty: unlimited."
    )
    account_credits_per_day: Allowance = Field(
        1600, description="What all servers may spend together in a day (UTC); empty: unlimited."
    )
    personal_credits_per_month: Allowance = Field(
        0,
        description="What a person may spend in a month outside of servers; 0: the bot is for servers only; "
        "empty: unlimited.",
    )
    confirm_above_credits: Allowance = Field(
        16, description="A request that costs more is confirmed first; empty: never asked."
    )
    message_content_intent: bool = Field(
        default=False, description="Whether the privileged message-content intent is on, in the portal and here."
    )
    max_running: int = Field(16, ge=1, le=1000, description="Pictures at the provider at the same time.")
    max_running_per_member: int = Field(
        4, ge=1, le=100, description="Pictures of one member that may be in work or wait at the same time."
    )
    max_waiting: int = Field(500, ge=1, description="Pictures that may wait; more are refused with a word.")
    polls_per_minute: int = Field(240, ge=10, description="Status requests a minute that all running pictures share.")
    task_deadline_s: int = Field(900, ge=30, description="After this a picture is called late; it still arrives.")
    idempotency_trust_s: int = Field(
        50, ge=0, description="For how long an unanswered create call is repeated under its key (seconds)."
    )
    results_max_bytes: int = Field(
        20 * 1024 * MIB,
        ge=64 * MIB,
        description="Room for finished pictures; the oldest delivered ones go first.",
    )
    retention_days: int | None = Field(
        90,
        ge=1,
        le=36_500,
        description="For how many days pictures, prompts and references are kept; empty: for as long as there is room.",
    )
    disk_reserve_bytes: int = Field(512 * MIB, ge=0, description="Free disk space below which no request is taken.")
    shutdown_grace_s: int = Field(
        25, ge=1, le=600, description="How long a stop waits for calls that cost money to end."
    )
    health_port: int | None = Field(
        None, ge=1, le=65535, description="Port on loopback for /healthz and /readyz; empty: off."
    )
    operator_contact: str = Field("", description="Whom members may turn to (a name, a link); shown in /about.")

    @field_validator("log_level", mode="before")
    @classmethod
    def _any_case(cls, value: Any) -> Any:
        return value.strip().upper() if isinstance(value, str) else value

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_default(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str):
            return value
        if value.strip() or info.field_name in {"discord_token", "rivya_api_key", "operator_contact"}:
            return value.strip()
        if info.field_name in ALLOWANCES:
            return None
        raise PydanticUseDefault

    @field_validator("allowed_guilds", "operator_ids", mode="before")
    @classmethod
    def _ids(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, str):
            words = [word.strip() for word in value.replace(";", ",").split(",")]
            whose = "people's" if info.field_name == "operator_ids" else "servers'"
            for place, word in enumerate(words, start=1):
                if word and not word.isdecimal():
                    raise ValueError(f"must hold {whose} ids, which are numbers; number {place} of the list is not one")
            return frozenset(int(word) for word in words if word)
        return value

    @field_validator("discord_token")
    @classmethod
    def _token_can_be_sent(cls, value: SecretStr) -> SecretStr:
        return _sendable(value)

    @field_validator("discord_api_url", "discord_cdn_url", "rivya_base_url", "discord_gateway_url")
    @classmethod
    def _is_url(cls, value: str, info: ValidationInfo) -> str:
        # The value is not repeated: somebody may have put a key on the wrong line.
        secure = "wss" if info.field_name == "discord_gateway_url" else "https"
        try:
            parts = urlsplit(value)
            hostname = parts.hostname if parts.port != 0 else None
        except ValueError:
            raise ValueError(f"must be an address such as {secure}://example.org") from None
        if parts.scheme not in {secure, secure.removesuffix("s")} or not hostname:
            raise ValueError(f"must be an address such as {secure}://example.org")
        if parts.scheme != secure and hostname not in {"127.0.0.1", "localhost", "::1"}:
            raise ValueError(f"must begin with {secure}:// unless it is on this machine")
        return value.rstrip("/") if secure == "https" else value

    @field_validator("database_url")
    @classmethod
    def _is_a_file(cls, value: str) -> str:
        prefix = "sqlite+aiosqlite:///"
        path = value.removeprefix(prefix)
        if path in {value, "", ":memory:"} or path.startswith("?"):
            raise ValueError(f"must name a file: {prefix}data/bot.db")
        return value


def _sendable(value: SecretStr) -> SecretStr:
    secret = value.get_secret_value()
    if not secret:
        raise PydanticCustomError("missing", "")
    if not (secret.isascii() and secret.isprintable()) or " " in secret:
        raise ValueError("has characters that can't be part of it; copy it again")
    return value


def load_settings(env_file: Path | None = Path(".env"), **overrides: Any) -> Settings:
    """Read the settings from the environment, then ``env_file``.

    Raises ConfigError with one sentence per problem; none repeats a token or key.
    """
    try:
        return Settings(_env_file=env_file, **overrides)
    except ValidationError as error:
        # The token first, as people fill them in: pydantic begins with what is inherited.
        found = sorted(error.errors(), key=lambda problem: problem["loc"][0] != "discord_token")
        raise ConfigError([_sentence(problem) for problem in found]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{env_file} is not a text file in UTF-8. Save it as one."]) from None
    except OSError as error:
        raise ConfigError([f"{env_file} can't be read ({error.strerror}). Give the bot's user the right to."]) from None


def load_key(env_file: Path | None = Path(".env")) -> SecretStr:
    """Read the key of the image service as it stands now, from where it came from at the start; blocks on the disk.

    Raises ConfigError with a sentence that does not repeat it.
    """
    try:
        return KeySettings(_env_file=env_file).rivya_api_key
    except ValidationError as error:
        raise ConfigError([_sentence(problem) for problem in error.errors()]) from None
    except (OSError, UnicodeDecodeError):
        raise ConfigError([f"{env_file} can't be read."]) from None


def load_local_settings(env_file: Path | None = Path(".env")) -> Settings:
    """Read the settings for what speaks to nobody: token and key are neither needed nor looked at, nor in it.

    Raises ConfigError as ``load_settings`` does.
    """
    return load_settings(env_file, **dict.fromkeys(SECRETS, SecretStr(_UNUSED)))


def load_what_is_there(env_file: Path | None = Path(".env")) -> tuple[Settings, dict[str, str]]:
    """Read the settings, also when token or key is missing or wrong; returns the problem of each of those by its field.

    Raises ConfigError for all other problems (and for those beside them).
    """
    try:
        return load_settings(env_file), {}
    except ConfigError as error:
        problems = {name: said for name in SECRETS for said in error.problems if said.startswith(f"{name.upper()} ")}
        if len(problems) < len(error.problems):
            raise
    return load_settings(env_file, **dict.fromkeys(problems, SecretStr(_UNUSED))), problems


def misspelt_names(env_file: Path | None = Path(".env")) -> list[str]:
    """Return a sentence for each name of ``env_file`` or the environment that looks like a setting and is none.

    A name that is not known is not an error: the file may hold other programs' too. Values are not repeated.
    """
    try:
        in_file = list(dotenv_values(env_file, interpolate=False)) if env_file is not None else []
    except (OSError, UnicodeDecodeError):
        return []  # that is told where the settings are read
    known = {name.upper(): name for name in Settings.model_fields}
    sentences = []
    for name in sorted({*in_file, *os.environ}):
        if name.upper() in known:
            continue
        meant = next(iter(get_close_matches(name.upper(), known, n=1, cutoff=_CLOSE)), None)
        where = str(env_file) if name in in_file else "the environment"
        if meant is not None:
            sentences.append(f"{name} (in {where}) is not a setting; {meant} is. It has no effect.")
        elif name in in_file and name.upper().startswith(_OURS):
            sentences.append(f"{name} (in {where}) is not a setting. It has no effect.")
    return sentences


def _sentence(problem: Any) -> str:
    name = str(problem["loc"][0])
    limits = problem.get("ctx", {})
    match problem["type"]:
        case "missing":
            field = Settings.model_fields[name]
            return f"{name.upper()} is missing. {field.description} Put it in .env or the environment."
        case "int_parsing" | "int_from_float" | "int_type":
            text = "must be a whole number"
        case "greater_than_equal":
            text = f"must be at least {limits['ge']}"
        case "less_than_equal":
            text = f"must be at most {limits['le']}"
        case "literal_error":
            text = f"must be {limits['expected'].replace(chr(39), '')}"
        case _:
            text = str(problem["msg"]).removeprefix("Value error, ")
    return f"{name.upper()} {text}."
