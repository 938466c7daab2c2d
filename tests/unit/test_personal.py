"""Everything that names a person is in their export: all tables are walked, so that no new column is missed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import Integer, LargeBinary, Text
from sqlalchemy.types import BigInteger

from bot.storage.tables import metadata
from tests.unit.persons import documents
from tests.world import MIB, World

PERSON = 770_077_007_700_770_077
OTHER = 41

Column = tuple[str, str]

# The columns that may hold a person's id, and the document of the export in which their rows stand.
EXPORTED: dict[Column, str] = {
    ("account_owners", "user_id"): "account",
    ("requests", "user_id"): "requests-",
    ("requests", "removed_by"): "requests_removed",
    ("preferences", "user_id"): "preferences",
    ("styles", "user_id"): "styles",
    ("drafts", "user_id"): "drafts",
    ("tray_images", "user_id"): "tray_images",
    ("gallery_posts", "posted_by"): "gallery_posts",
    ("reports", "reporter_id"): "reports_made",
    ("reports", "handled_by"): "reports_handled",
    ("guild_settings", "updated_by"): "servers_set",
    ("bans", "user_id"): "bans",
    ("bans", "banned_by"): "bans_made",
    ("bans", "lifted_by"): "bans_made",
    ("setting_changes", "changed_by"): "setting_changes_made",
    ("setting_changes", "was"): "setting_changes_on_bans",
    ("setting_changes", "became"): "setting_changes_on_bans",
    ("quota_rules", "subject_id"): "quota_rules",
    ("quota_rules", "set_by"): "quota_rules_set",
    ("quota_log", "subject_id"): "quota_log",
    ("quota_log", "actor_id"): "quota_changes_made",
    ("quota_drafts", "user_id"): "quota_drafts",
    ("quota_drafts", "change"): "quota_drafts",
    ("operator_log", "operator_id"): "operator_log",
    ("operator_notices", "operator_id"): "operator_notices",
}
# Those that look as if they could, and why they are in no export.
NOT_EXPORTED: dict[Column, str] = {
    ("forgotten_owners", "owner_hash"): "leads back from a person to their account, never from there to a person",
    ("entries", "actor"): "a word: admin, member, engine; which admin stands in quota_log",
    ("totals", "subject_id"): "an account's, a channel's or a server's id",
    ("requests", "source_id"): "the id of the interaction or message that asked",
    ("requests", "application_id"): "the bot's own id",
    ("attempts", "body"): "what was sent: model, prompt and addresses, all of it in requests",
    ("reference_images", "source_id"): "the id of a picture, reference or tray image",
    ("quota_log", "value_before"): "what a rule said: credits, models, numbers",
    ("quota_log", "value_after"): "what a rule says, or how many credits were granted",
    ("operator_log", "value_before"): "what a server was allowed",
    ("operator_log", "value_after"): "what a server is allowed",
    ("operator_notices", "facts"): "how the operator's account stood",
    ("house_rules", "roles_allowed"): "roles",
    ("house_rules", "roles_denied"): "roles",
    ("house_rules", "channels"): "channels",
    ("log_lines", "words"): "words of the bot's own: how many lines were left out",
    ("facts", "value"): "the bot's own memory: prices, readings, which servers were greeted",
}
# Ids of other things than people, and words: of a request, a reason, a rule.
_THINGS = {
    "account_id", "batch_id", "channel_id", "entry_id", "event_id",
    "gallery_channel_id", "grant_id", "guild_id", "hold_id", "log_channel_id", "message_id", "parent_id", "picture_id",
    "place_guild_id", "provider_request_id", "quota_channel_id", "reports_channel_id", "request_id", "settles_id",
    "task_id",
}  # fmt: skip
_WORDS = {
    "failure_detail", "models", "options", "pause_reason", "prompt", "reason", "refusal", "request", "result_url",
    "source_url", "suffix", "terms", "upload_url",
}  # fmt: skip
_PEOPLES = ("_id", "_by", "actor", "owner_hash", "user")

# What a row must say beside the id, so that this is a person's.
_BESIDE: dict[Column, dict[str, Any]] = {
    ("quota_rules", "subject_id"): {"scope": "member"},
    ("quota_log", "subject_id"): {"scope": "member"},
    ("setting_changes", "was"): {"name": "ban", "was": json.dumps({"user_id": PERSON})},
    ("setting_changes", "became"): {"name": "ban", "became": json.dumps({"user_id": PERSON})},
    ("quota_drafts", "change"): {"change": json.dumps({"action": "grant", "user_id": PERSON})},
}


def suspects() -> set[Column]:
    """Every column that may hold a person's id: by its name, or because it may hold anything."""
    return {
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.columns
        if (column.name.endswith(_PEOPLES) and column.name not in _THINGS)
        or (isinstance(column.type, Text | LargeBinary) and column.name not in _WORDS)
    }


def test_each_column_that_may_name_a_person_is_exported_or_has_a_reason_why_not() -> None:
    found = suspects()
    assert sorted(found - EXPORTED.keys() - NOT_EXPORTED.keys()) == []
    assert sorted((EXPORTED.keys() | NOT_EXPORTED.keys()) - found) == [], "these are there no more"
    assert not EXPORTED.keys() & NOT_EXPORTED.keys()


@pytest.mark.parametrize("column", EXPORTED, ids=".".join)
async def test_a_row_that_names_a_person_is_in_their_export(world: World, column: Column) -> None:
    table, name = column
    values = {name: PERSON} | _BESIDE.get(column, {})
    with closing(sqlite3.connect(world.database.path)) as stranger:
        # One row alone, whatever it refers to: what is asked is whether the export finds it.
        stranger.execute("PRAGMA ignore_check_constraints = ON")
        row = {each.name: _filler(each) for each in metadata.tables[table].columns if not each.nullable} | values
        marks = ", ".join("?" * len(row))
        stranger.execute(f"INSERT INTO {table} ({', '.join(map(_quoted, row))}) VALUES ({marks})", [*row.values()])
        stranger.commit()
    export = await world.core.privacy.export(PERSON, limit_bytes=MIB)
    found = documents(export.parts)
    export.remove()
    (document,) = [
        content for file, content in found.items() if file.startswith(EXPORTED[column]) and _is(file, column)
    ]
    rows = document["accounts"] if table == "account_owners" else document
    assert len(rows) == 1
    export = await world.core.privacy.export(OTHER, limit_bytes=MIB)
    assert set(documents(export.parts)) == {"README.txt", "account.json"}, "and in nobody else's"
    export.remove()


def _is(file: str, column: Column) -> bool:
    wanted = EXPORTED[column]
    return file == f"{wanted}.json" or wanted.endswith("-")


def _quoted(name: str) -> str:
    return f'"{name}"'


def _filler(column: Any) -> Any:
    if isinstance(column.type, Integer | BigInteger):
        return 7
    return b"" if isinstance(column.type, LargeBinary) else "{}"
