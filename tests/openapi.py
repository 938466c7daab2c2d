"""Checks what the bot sends against Discord's own OpenAPI document, where that is at hand.

    schema = discord_schema()                      # skips the test, saying so, when the document is missing
    assert schema.problems("POST", "/channels/1/messages", body) == []

Paths may be given as templates or as they were requested, with or without ``/api/v10``.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend

DOCUMENT = Path(__file__).resolve().parents[2] / "shared" / "discord-openapi.json"


class DiscordSchema:
    """Discord's document, ready to judge request bodies."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._components = document["components"]
        self._operations: dict[tuple[str, str], dict[str, Any]] = {}
        self._patterns: list[tuple[str, re.Pattern[str], str]] = []
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                content = operation.get("requestBody", {}).get("content", {}) if method != "parameters" else {}
                if "application/json" not in content:
                    continue
                key = (method.upper(), path)
                self._operations[key] = content["application/json"]["schema"]
                pattern = re.sub(r"\{[^}]+\}", "[^/]+", path.replace("@", "\\@"))
                self._patterns.append((key[0], re.compile(pattern), path))
        # "@original" and "@me" also fit a placeholder: the path with fewer of these wins.
        self._patterns.sort(key=lambda known: known[2].count("{"))
        self._judge: Any = extend(Draft202012Validator, {"oneOf": self._one_of})
        self._validators: dict[tuple[str, str], Any] = {}

    def template(self, method: str, path: str) -> str | None:
        """Return the path as the document writes it, None when the document has no body for it."""
        asked = re.sub(r"^.*?/api/v\d+", "", path.split("?", 1)[0])
        for known_method, pattern, template in self._patterns:
            if known_method == method.upper() and (asked == template or pattern.fullmatch(asked)):
                return template
        return None

    def problems(self, method: str, path: str, body: Any) -> list[str]:
        """Return what is wrong with a body, as short sentences with the place; [] when it is right."""
        template = self.template(method, path)
        if template is None:
            return [f"{method} {path}: the document knows no such body"]
        found = self._validator((method.upper(), template)).iter_errors(_as_sent(body))
        return [_sentence(error) for error in found]

    def shape_problems(self, name: str, value: Any) -> list[str]:
        """Return what is wrong with an object by one of the document's schemas; [] when it is right."""
        known = {"components": self._components, "$ref": f"#/components/schemas/{name}"}
        return [_sentence(error) for error in self._judge(known).iter_errors(value)]

    def _validator(self, key: tuple[str, str]) -> Any:
        if key not in self._validators:
            self._validators[key] = self._judge({"components": self._components, **self._operations[key]})
        return self._validators[key]

    def _one_of(self, validator: Any, branches: list[Any], value: Any, schema: Any) -> Iterator[ValidationError]:
        """Judge by the branches that can take a value of its type: most can't, and each has many of its own."""
        possible = [branch for branch in branches if self._may_take(branch, value)]
        yield from Draft202012Validator.VALIDATORS["oneOf"](validator, possible or branches, value, schema)

    def _may_take(self, branch: dict[str, Any], value: Any) -> bool:
        if "const" in branch:
            return bool(branch["const"] == value)
        if "$ref" in branch:
            branch = self._components["schemas"][branch["$ref"].removeprefix("#/components/schemas/")]
        types = branch.get("properties", {}).get("type", {}).get("enum")
        return not isinstance(value, dict) or "type" not in value or types is None or value["type"] in types


@cache
def _load() -> DiscordSchema:
    return DiscordSchema(json.loads(DOCUMENT.read_text(encoding="utf-8")))


def discord_schema() -> DiscordSchema:
    """Return the schema, or skip the test when the document is not at hand."""
    if not DOCUMENT.exists():
        pytest.skip("Discord's OpenAPI document is not beside this repository (shared/discord-openapi.json)")
    return _load()


def _as_sent(body: Any) -> Any:
    # discord.py sends the ids of new attachments as integers; Discord takes them, the document does not.
    if not isinstance(body, dict):
        return body
    sent = copy.deepcopy(body)
    for holder in (sent, sent.get("data")):
        attachments = holder.get("attachments") if isinstance(holder, dict) else None
        for attachment in attachments if isinstance(attachments, list) else []:
            attachment["id"] = str(attachment["id"])
    _write_chosen_ids(sent)
    return sent


def _write_chosen_ids(part: Any) -> None:
    """Write what is pre-chosen in a select as the document has it; discord.py sends these ids as integers, too."""
    if isinstance(part, list):
        for one in part:
            _write_chosen_ids(one)
    elif isinstance(part, dict):
        for chosen in part.get("default_values") or ():
            chosen["id"] = str(chosen["id"])
        for value in part.values():
            _write_chosen_ids(value)


def _sentence(error: Any) -> str:
    deepest = best_match([error])
    place = "/".join(str(step) for step in deepest.absolute_path)
    return f"{place or 'body'}: {deepest.message[:300]}"
