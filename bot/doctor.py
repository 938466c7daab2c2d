"""Is everything there that the bot needs? One line for each thing, and for each that is not fine what to do.

Nothing is changed and nothing is bought: the scopes of the Rivya key are told by calls that can't succeed (an order
without a model, an upload without a file, a task that does not exist): what matters is whether the service turns down
the key or the call.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from pydantic import SecretStr, ValidationError

from bot.clock import SystemClock
from bot.config import MIB, Settings
from bot.errors import StorageError
from bot.generations.acceptance import RESULT_ROOM_BYTES
from bot.generations.erasing import RETENTION_FACT
from bot.generations.repository import GenerationsRepository
from bot.media import commit_file, free_bytes, remove_quietly
from bot.rivya import ApiError, ApiKeyProblem, ApiScopeDenied, Catalogue, ModelInfo, RateLimited, RivyaError, open_http
from bot.rivya.answers import parse, read_bounded, refusal, success, transport_errors
from bot.rivya.schemas import AccountCredits
from bot.storage import open_database
from bot.storage.database import database_path, is_in_use
from bot.storage.migrations import current_revision, revisions

TIMEOUT_S = 15.0
PORTAL = "Discord's developer portal (https://discord.com/developers/applications)"

# https://discord.com/developers/docs/resources/application#application-object-application-flags
MESSAGE_CONTENT_FLAGS = 1 << 18 | 1 << 19

PROBES: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("credits:read", "GET", "/api/v1/credits", {}),
    ("generations:read", "GET", "/api/v1/generations/task_doctor_asks_for_nothing", {}),
    ("generations:create", "POST", "/api/v1/generations", {"json": {}}),
    ("files:create", "POST", "/api/v1/files", {"files": {"kind": (None, "image")}}),
)
"""Scope, and a call that needs it and does nothing. ``models:read`` can't be probed: that call takes no key."""


@dataclass(frozen=True, slots=True)
class Check:
    """What was found about one thing. ``ok`` None: it could not be told; ``advice`` is empty only where it is fine."""

    name: str
    ok: bool | None
    found: str
    advice: str = ""


async def examine(
    settings: Settings, *, problems: Mapping[str, str] | None = None, misspelt: Sequence[str] = ()
) -> list[Check]:
    """Look at everything, also when something is wrong already; never raises, never repeats a token or key.

    ``problems``: what is wrong with the token or the key itself, by its field; those are not tried then. ``misspelt``:
    sentences about names that look like settings.
    """
    problems = problems or {}
    no_token, no_key = problems.get("discord_token"), problems.get("rivya_api_key")
    groups = await asyncio.gather(
        _settings(misspelt),
        _safely("token", lambda: _no_token(no_token) if no_token else _discord(settings)),
        _safely("key", lambda: _rivya(settings, no_key)),
        _safely("database", lambda: _database(settings)),
        _safely("data folder", lambda: _data_folder(settings)),
    )
    return [*(check for group in groups for check in group), _operators(len(settings.operator_ids))]


def render(checks: list[Check]) -> str:
    """Return one line for each check, with what to do below those that are not fine."""
    marks = {True: "ok", False: "FAIL", None: "?"}
    width = max((len(check.name) for check in checks), default=0)
    lines = []
    for check in checks:
        lines.append(f"{marks[check.ok]:<5}{check.name:<{width}}  {check.found}")
        if check.advice:
            lines.append(f"{'':<{width + 7}}{check.advice}")
    return "\n".join(lines)


def _fine(name: str, found: str) -> Check:
    return Check(name, ok=True, found=found)


def _wrong(name: str, found: str, advice: str) -> Check:
    return Check(name, ok=False, found=found, advice=advice)


def _unclear(name: str, found: str, advice: str = "See above.") -> Check:
    return Check(name, ok=None, found=found, advice=advice)


async def _safely(name: str, look: Callable[[], Awaitable[list[Check]]]) -> list[Check]:
    try:
        return await look()
    except Exception as error:  # noqa: BLE001 - one check that breaks must not take the others with it
        found = f"the check itself broke ({type(error).__name__})"
        return [_unclear(name, found, "This is an error of the bot's own: please report it.")]


async def _settings(misspelt: Sequence[str]) -> list[Check]:
    return [_unclear("settings", sentence, "Correct the name, or remove the line.") for sentence in misspelt]


def _operators(count: int) -> Check:
    if not count:
        advice = "Put your Discord id in OPERATOR_IDS: then you have /operator, and hear when the account runs low."
        return _unclear("operators", "none: nobody has /operator, or is told when the account can't be used", advice)
    return _fine("operators", "one has /operator and is told" if count == 1 else f"{count} have /operator and are told")


# --- Discord ---


async def _no_token(problem: str) -> list[Check]:
    advice = f"Reset it in {PORTAL}, your application, Bot, and put it in DISCORD_TOKEN."
    return [_wrong("token", problem, advice), _unclear("application", "not asked, since there is no token")]


async def _discord(settings: Settings) -> list[Check]:
    headers = {
        "Authorization": f"Bot {settings.discord_token.get_secret_value()}",
        "User-Agent": "DiscordBot (https://pypi.org/project/nano-banana-bot, 0)",  # the form that Discord asks for
    }
    async with httpx.AsyncClient(headers=headers, timeout=TIMEOUT_S) as http:
        token, _ = await _discord_says("token", http, f"{settings.discord_api_url}/users/@me")
        if not token.ok:
            return [token, _unclear("application", "not asked, since the token does not work")]
        answer, application = await _discord_says("application", http, f"{settings.discord_api_url}/applications/@me")
        return [token, _judge(application, settings) if answer.ok else answer]


async def _discord_says(name: str, http: httpx.AsyncClient, url: str) -> tuple[Check, dict[str, Any]]:
    later = "Look at the network, at DISCORD_API_URL and at https://discordstatus.com, then try again."
    try:
        async with asyncio.timeout(TIMEOUT_S):
            response = await http.get(url)
    except (httpx.HTTPError, TimeoutError) as error:
        return _wrong(name, f"Discord can't be reached ({type(error).__name__})", later), {}
    if response.status_code == 401:
        reset = f"Reset it in {PORTAL}, your application, Bot, and put the new one in DISCORD_TOKEN."
        return _wrong(name, "Discord does not accept it", reset), {}
    try:
        body = response.json()
    except ValueError:
        body = None
    if response.status_code != 200 or not isinstance(body, dict):
        return _wrong(name, f"Discord answered with HTTP {response.status_code}, not as it should", later), {}
    return _fine(name, f"works, for {body.get('username')} (id {body.get('id')})"), body


def _judge(application: dict[str, Any], settings: Settings) -> Check:
    name = str(application.get("name"))
    if application.get("interactions_endpoint_url"):
        advice = f"Remove it in {PORTAL}, General Information: while it is set, commands go there and not to the bot."
        return _wrong("application", f"{name} has an Interactions Endpoint URL", advice)
    if application.get("bot_require_code_grant"):
        advice = f"Switch it off in {PORTAL}, Bot: while it is on, nobody can invite the bot."
        return _wrong("application", f"{name} requires an OAuth2 code grant", advice)
    granted = bool(int(application.get("flags") or 0) & MESSAGE_CONTENT_FLAGS)
    if settings.message_content_intent and not granted:
        advice = f"Switch it on in {PORTAL}, Bot, Message Content Intent; or set MESSAGE_CONTENT_INTENT=false."
        return _wrong("application", f"{name}: the message content intent is off there and on here", advice)
    if settings.message_content_intent:
        content = "message content is on: mentions in replies to other people work"
    elif granted:
        content = "message content is on there but not used; MESSAGE_CONTENT_INTENT=true uses it"
    else:
        content = "message content is off, and may be: replies to other people are answered with the right-click way"
    return _fine("application", f"{name}: no privileged intent is needed; {content}")


# --- Rivya ---


async def _rivya(settings: Settings, problem: str | None) -> list[Check]:
    answers: dict[str, dict[str, Any] | RivyaError] = {}
    async with open_http(settings.rivya_base_url) as http:
        if problem is None:
            answers = {
                scope: await _ask(http, method, path, key=settings.rivya_api_key, **content)
                for scope, method, path, content in PROBES
            }
        listed = await _ask(http, "GET", "/api/v1/models", key=None)
    model, price_credits = _model(listed)
    if problem is not None:
        advice = "Make a key in your Rivya account and put it in RIVYA_API_KEY."
        reason = "not told, since there is no key"
        return [_wrong("key", problem, advice), _unclear("scopes", reason), model, _unclear("credits", reason)]
    credits_answer = answers["credits:read"]
    key = _key(list(answers.values()))
    if not key.ok:
        reason = "not told, since the key does not work"
        return [key, _unclear("scopes", reason), model, _unclear("credits", reason)]
    return [key, _scopes(answers), model, _credits(credits_answer, price_credits)]


async def _ask(
    http: httpx.AsyncClient, method: str, path: str, *, key: SecretStr | None, **content: Any
) -> dict[str, Any] | RivyaError:
    headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key is not None else {}
    now_ms = SystemClock().now_ms()
    try:
        async with transport_errors(TIMEOUT_S), http.stream(method, path, headers=headers, **content) as response:
            body = await read_bounded(response)
        if not response.is_success:
            return refusal(response, body, now_ms)
        return success(response, body, now_ms)
    except RivyaError as error:
        return error


def _key(answers: list[dict[str, Any] | RivyaError]) -> Check:
    for answer in answers:
        if isinstance(answer, ApiKeyProblem):
            advice = "Make a new key in your Rivya account and put it in RIVYA_API_KEY."
            return _wrong("key", f"Rivya does not accept it ({answer.code})", advice)
    if all(isinstance(answer, RivyaError) and not _was_heard(answer) for answer in answers):
        return _wrong("key", f"Rivya can't be asked ({_why(answers[0])})", _LATER)
    return _fine("key", "accepted")


_LATER = "Look at the network and at RIVYA_BASE_URL, then try again."


def _was_heard(answer: dict[str, Any] | RivyaError) -> bool:
    # Turned down for what was asked, not for who asked: the key and its scope were let through. Without a code of the
    # contract it may be any server that says no.
    if not isinstance(answer, RivyaError):
        return True
    return isinstance(answer, ApiError) and answer.provider_code is not None and not isinstance(answer, RateLimited)


def _scopes(answers: dict[str, dict[str, Any] | RivyaError]) -> Check:
    missing = [scope for scope, answer in answers.items() if isinstance(answer, ApiScopeDenied)]
    unclear = {scope: answer for scope, answer in answers.items() if not _was_heard(answer)}
    if missing:
        advice = "Give the key these scopes in your Rivya account, or make a new one that has them."
        return _wrong("scopes", f"the key lacks {', '.join(missing)}", advice)
    if unclear:
        reasons = ", ".join(f"{scope} ({_why(answer)})" for scope, answer in unclear.items())
        return _unclear("scopes", f"could not be told: {reasons}", "Try again in a minute.")
    return _fine("scopes", ", ".join(answers))


def _model(listed: dict[str, Any] | RivyaError) -> tuple[Check, int]:
    catalogue = Catalogue()
    wanted = catalogue.default
    if isinstance(listed, RivyaError):
        return _wrong("model", f"Rivya's list can't be read ({_why(listed)})", _LATER), wanted.base_credits
    found: list[ModelInfo] = []
    for entry in listed["data"] if isinstance(listed.get("data"), list) else []:
        try:
            found.append(ModelInfo.model_validate(entry))
        except ValidationError:
            continue
    catalogue.refresh(found)
    price_credits = catalogue.price_credits(wanted.id, None)
    if wanted.id not in {info.id for info in found}:
        check = _wrong("model", f"{wanted.id} is not on Rivya's list", "Update the bot, or ask Rivya.")
    elif wanted.id not in {spec.id for spec in catalogue.available()}:
        others = ", ".join(spec.id for spec in catalogue.available()) or "none"
        check = _wrong("model", f"{wanted.id} is closed at Rivya (open: {others})", "It may come back by itself.")
    else:
        check = _fine("model", f"{wanted.id} is available, {price_credits} credits a picture")
    return check, price_credits


def _credits(answer: dict[str, Any] | RivyaError, price_credits: int) -> Check:
    try:
        if isinstance(answer, RivyaError):
            raise answer
        left = parse(AccountCredits, answer).current_credits
    except ApiScopeDenied:
        return _unclear("credits", "not told, since the key lacks credits:read")
    except RivyaError as error:
        return _unclear("credits", f"could not be read ({_why(error)})", "Try again in a minute.")
    if left < price_credits:
        advice = "Fill up your Rivya account: no picture can be made until then."
        return _wrong("credits", f"{left} left, less than one picture costs", advice)
    return _fine("credits", f"{left} left, enough for {left // price_credits} pictures")


def _why(answer: dict[str, Any] | RivyaError) -> str:
    return str(answer) if isinstance(answer, RivyaError) else "an answer that was not expected"


# --- this machine ---


async def _database(settings: Settings) -> list[Check]:
    try:
        path = database_path(settings.database_url)
        if not await asyncio.to_thread(path.exists):
            return [await asyncio.to_thread(_can_be_made, path)]
        used = await asyncio.to_thread(is_in_use, path)
        async with open_database(settings.database_url, exclusive=False) as database, database.read() as connection:
            revision = await connection.run_sync(current_revision)
            current = revision == revisions()[-1]
            removed = await GenerationsRepository(connection).memory.fact(RETENTION_FACT) if current else None
    except StorageError as error:
        return [_wrong("database", "can't be used", str(error))]
    if revision is not None and revision not in revisions():
        advice = "Install the newer version again, or restore the backup made before it."
        return [_wrong("database", f"{path} was written by a newer version of the bot", advice)]
    if not await asyncio.to_thread(_is_writable, path):
        return [_wrong("database", f"{path} is read-only", "Give the bot's user the right to write it.")]
    state = "up to date" if current else "of an older version, brought up at the next start"
    return [
        _fine("database", f"{path} is {state}{', in use by a running bot' if used else ''}"),
        _retention(settings, removed[0] if removed is not None else None),
    ]


def _retention(settings: Settings, removed: str | None) -> Check:
    days = settings.retention_days
    found = f"pictures and prompts are kept for {days} days" if days is not None else "pictures and prompts are kept"
    if removed is not None:
        last = json.loads(removed)
        day = datetime.fromtimestamp(last["at_ms"] / 1000, UTC).date()
        found += f"; last removed on {day}: {last['requests']} requests, {last['files']} files"
    return _fine("retention", found)


def _can_be_made(path: Path) -> Check:
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        return _fine("database", f"{path} is not there yet; it is made at the first start")
    return _wrong("database", f"{path} can't be made", f"Make {folder} a folder that the bot's user may write.")


def _is_writable(path: Path) -> bool:
    return os.access(path, os.W_OK) and os.access(path.absolute().parent, os.W_OK | os.X_OK)


async def _data_folder(settings: Settings) -> list[Check]:
    folder = settings.data_dir
    try:
        free = await asyncio.to_thread(_try_out, folder)
    except OSError as error:
        advice = "Make it a folder that the bot's user may write, on a disk that works and has room."
        found = f"{folder} can't be written to ({error.strerror or type(error).__name__})"
        return [
            _wrong("data folder", found, advice),
            _unclear("disk space", "not looked at, since the folder can't be used"),
        ]
    return [_fine("data folder", f"{folder} takes files, and keeps them"), _space(free, settings)]


def _try_out(folder: Path) -> int:
    # As results are stored: written, fsynced, renamed, and the folder fsynced.
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".doctor-{uuid4().hex}"
    final = temporary.with_suffix(".done")
    try:
        temporary.write_bytes(b"doctor")
        commit_file(temporary, final)
        if final.read_bytes() != b"doctor":
            raise OSError("what was written is not what is there")
    finally:
        remove_quietly(temporary)
        remove_quietly(final)
    return free_bytes(folder)


def _space(free: int, settings: Settings) -> Check:
    needed = settings.disk_reserve_bytes + RESULT_ROOM_BYTES
    found = f"{free / (1024 * MIB):.1f} GiB free"
    if free < needed:
        advice = f"Make room: below {needed // MIB} MiB no request is taken. Or lower DISK_RESERVE_BYTES."
        return _wrong("disk space", found, advice)
    return _fine("disk space", found)
