"""Discord's limits for a Components V2 message, checked on a finished view."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from discord.ui import LayoutView

CONTAINER, ROW, BUTTON, SELECT, TEXT, GALLERY = 17, 1, 2, 3, 10, 12


def units(text: str) -> int:
    return len(text.encode("utf-16-le", errors="surrogatepass")) // 2


def walk(components: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for component in components:
        yield component
        yield from walk(component.get("components", []))
        if "accessory" in component:
            yield from walk([component["accessory"]])


def texts(view: LayoutView) -> str:
    """Everything a card says, with its line breaks."""
    return "\n".join(part["content"] for part in walk(view.to_components()) if part["type"] == TEXT)


def custom_ids(view: LayoutView) -> list[str]:
    return [part["custom_id"] for part in walk(view.to_components()) if "custom_id" in part]


def broken_limits(view: LayoutView) -> list[str]:
    """Return every limit that a view breaks; [] when Discord takes it."""
    parts = list(walk(view.to_components()))
    problems = []

    def limit(what: str, value: str | None, most: int, least: int = 1) -> None:
        if value is not None and not least <= units(value) <= most:
            problems.append(f"{what} has {units(value)} characters, not {least} to {most}: {value[:60]!r}")

    if len(parts) > 40:
        problems.append(f"{len(parts)} components, not at most 40")
    limit("all text", "".join(part["content"] for part in parts if part["type"] == TEXT), 4000)
    for part in parts:
        if part["type"] == TEXT:
            limit("a text", part["content"].strip(), 4000)
        if part["type"] == ROW:
            inside = part["components"]
            if not 1 <= len(inside) <= 5 or (len(inside) > 1 and any(p["type"] == SELECT for p in inside)):
                problems.append(f"a row of {[p['type'] for p in inside]}")
        if part["type"] == GALLERY:
            if not 1 <= len(part["items"]) <= 10:
                problems.append(f"a gallery of {len(part['items'])}")
            for item in part["items"]:
                limit("an alt text", item.get("description"), 1024)
        if part["type"] == BUTTON:
            limit("a button", part.get("label"), 80)
        if part["type"] == SELECT:
            limit("a placeholder", part.get("placeholder"), 150)
            if not 1 <= len(part["options"]) <= 25:
                problems.append(f"a select of {len(part['options'])}")
            for option in part["options"]:
                for name in ("label", "value", "description"):
                    limit(f"an option's {name}", option.get(name), 100)
        limit("a custom id", part.get("custom_id"), 100)
    ids = custom_ids(view)
    if len(ids) != len(set(ids)):
        problems.append(f"custom ids twice: {ids}")
    return problems
