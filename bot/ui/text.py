"""People's own text, made inert: it looks as typed, and nothing in it links, mentions, formats or flips the card.

Markdown is switched off by backslashes, which Discord removes when it shows the text, so that what is copied from a
card is what was typed. All limits count UTF-16 units, the stricter of two ways to count Discord's characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

ALT_TEXT_LIMIT = 1024
"""Discord's limit for an attachment's description."""

_ELLIPSIS = "…"
_MAX_MARKS = 4
"""Combining marks on one letter: more than any living script stacks, too few to cover the lines around."""
_MAX_CLUSTER = 40
"""Code points of one visible character; the longest emoji have about 15."""
_MAX_GIVEN_UP = 24
"""How many characters may be given up so that a cut falls between two words."""

_LINE_BREAKS = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
_DROPPED = frozenset(
    # Seen by nobody, but able to hide text or to make a line look empty.
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060\u2061\u2062\u2063\u2064\u3164\ufeff\uffa0"
    "\ufff9\ufffa\ufffb\U000e0001"
    # Embeddings, overrides and isolates: an unbalanced one turns the rest of the card around.
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u206a\u206b\u206c\u206d\u206e\u206f"
)
_JOINER = "\u200d"
_VIRAMA = 9
"""The combining class of the signs that join two letters of an Indian script."""
_BLACK_FLAG = "\U0001f3f4"
_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"

_LIVE = re.compile(
    r"""[\\*_~`|<>\[\]@]       # formatting, mentions, timestamps, custom emoji, masked links
    | : (?= // | [^\s:]+: )    # addresses; emoji by :name:
    | (?<=discord)\.(?=gg|gift|new|com) | (?<=discordapp)\.(?=com)   # invites are found without https, too
    """,
    re.IGNORECASE | re.VERBOSE,
)
_LIVE_AT_LINE_START = re.compile(r"^\ *(?:\d+)?(?P<mark>[#+.)-])", re.MULTILINE)
"""Headings, subtext and lists. (Quotes begin with a character that is live everywhere.)"""


def plain(text: str, limit: int, *, lines: int = 1) -> str:
    """Return ``text`` for a TextDisplay: inert, cut at a word with "…" after ``limit`` units or ``lines`` lines."""
    cleaned, whole = _clean(text, limit, lines)
    live = {found.start() for found in _LIVE.finditer(cleaned)}
    live |= {found.start("mark") for found in _LIVE_AT_LINE_START.finditer(cleaned)}
    pieces: list[str] = []
    at = 0
    for cluster in _clusters(cleaned):
        pieces.append(f"\\{cluster}" if at in live else cluster)
        at += len(cluster)
    if not any(unicodedata.bidirectional(char) in {"R", "AL", "AN"} for char in cleaned):
        return _cut(pieces, limit, whole=whole)
    # An isolate ends with its line, so each line gets its own.
    shown = _cut(pieces, limit - 2 * (cleaned.count("\n") + 1), whole=whole)
    return "\n".join(f"{_ISOLATE}{line}{_END_ISOLATE}" if line else line for line in shown.split("\n"))


def label(text: str, limit: int) -> str:
    """Return ``text`` for a field that shows no markdown (labels, options): one line, cut at a word with "…"."""
    cleaned, whole = _clean(text, limit, 1)
    return _cut(list(_clusters(cleaned)), limit, whole=whole)


def alt_text(prompt: str, *, before: str = "") -> str:
    """Return a picture's alt text (≤1024): ``before`` (ours) and the prompt, cut at a word."""
    return before + label(prompt, ALT_TEXT_LIMIT - units(before))


def units(text: str) -> int:
    """Count UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _clean(text: str, limit: int, lines: int) -> tuple[str, bool]:
    """Drop what can't be shown, bound marks and line breaks; tell whether all of ``text`` was looked at."""
    looked_at = text[: limit * 8]  # the rest could not be shown anyway; prompts have up to 20,000 characters
    kept: list[str] = []
    marks = 0
    base = ""
    for char in looked_at.replace("\r\n", "\n"):
        category = unicodedata.category(char)
        if char in _LINE_BREAKS:
            kept.append("\n")
        elif char.isspace():
            kept.append(" ")
        elif char in _DROPPED or category == "Cc":
            continue
        elif category == "Cs":
            kept.append("\ufffd")
        elif "\U000e0020" <= char <= "\U000e007f":  # tags: part of a flag, else hidden text
            if base == _BLACK_FLAG:
                kept.append(char)
            continue
        elif category in {"Mn", "Me"}:
            marks += 1
            if marks > _MAX_MARKS:
                continue
            kept.append(char)
            continue
        elif category == "Cf":
            kept.append(char)
            continue
        else:
            kept.append(char)
        marks, base = 0, char
    filled = [" ".join(line.split(" ")).strip() for line in "".join(kept).split("\n")]
    filled = [re.sub(r" {2,}", " ", line) for line in filled if line]
    shown = [*filled[: lines - 1], " ".join(filled[lines - 1 :])] if len(filled) >= lines else filled
    return "\n".join(shown) or "(blank)", len(looked_at) == len(text)


def _clusters(text: str) -> Iterator[str]:
    """Split into what a reader takes for one character (a plain approximation of Unicode's UAX #29)."""
    cluster = ""
    for char in text:
        if cluster and len(cluster) < _MAX_CLUSTER and _joins(cluster, char):
            cluster += char
            continue
        if cluster:
            yield cluster
        cluster = char
    if cluster:
        yield cluster


def _joins(cluster: str, char: str) -> bool:
    last = cluster[-1]
    if char.isascii():
        return last == _JOINER and not char.isspace()
    if last.isspace() or char.isspace():
        return False
    if unicodedata.category(char) in {"Mn", "Me", "Mc"} or char in {_JOINER, "\u200c", "\uff9e", "\uff9f"}:
        return True
    if "\U0001f3fb" <= char <= "\U0001f3ff" or "\U000e0020" <= char <= "\U000e007f" or last == _JOINER:
        return True
    if unicodedata.combining(last) == _VIRAMA and unicodedata.category(char) == "Lo":
        return True
    if _is_region(char):
        return len(cluster) == 1 and _is_region(last)
    return _is_hangul_vowel_or_tail(char) and "HANGUL" in unicodedata.name(last, "")


def _is_region(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _is_hangul_vowel_or_tail(char: str) -> bool:
    return "\u1160" <= char <= "\u11ff" or "\ud7b0" <= char <= "\ud7fb"


def _cut(pieces: list[str], limit: int, *, whole: bool) -> str:
    """Join the pieces that fit; where some don't, end after a word, with an ellipsis."""
    if whole and sum(map(units, pieces)) <= limit:
        return "".join(pieces)
    fitting, used = 0, units(_ELLIPSIS)
    while fitting < len(pieces) and used + units(pieces[fitting]) <= limit:
        used += units(pieces[fitting])
        fitting += 1
    if fitting < len(pieces) and not pieces[fitting].isspace():
        nearest = range(fitting - 1, max(fitting - _MAX_GIVEN_UP, 0), -1)
        fitting = next((index for index in nearest if pieces[index].isspace()), fitting)
    while fitting and pieces[fitting - 1] in {" ", "\n", ",", ";", ":", "."}:
        fitting -= 1
    return "".join(pieces[:fitting]) + _ELLIPSIS
