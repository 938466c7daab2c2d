"""Blocked words, found however they are dressed up: by case, width, accents, invisible characters and look-alikes.

A word is found as a word, never inside of another one. Digits are not taken for letters: that would find words in
ordinary numbers. What looks alike is told by Unicode's own list (UTS #39), as ``confusable_homoglyphs`` carries it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache

from confusable_homoglyphs.confusables import confusables_data

MAX_TERMS = 200
TERM_MAX_CHARS = 60
TERMS_MAX_CHARS = 3900
"""Of all together, a line each: they are changed in one field of a form, which takes 4000."""

_COPTIC = dict(zip("ⲁⲃⲥⲉⲏⲓⲕⲙⲛⲟⲣⲧⲩⲭⲍ", "abcehikmnoptyxz", strict=True))
_ALSO = _COPTIC | {"к": "k", "κ": "k", "ĸ": "k", "м": "m"}
"""Letters that pass for small capitals; Unicode's list has only those that can't be told apart."""
_SIGNS = {
    ord(start) + number: chr(ord("a") + number)
    for start in ("\u249c", "\U0001f110", "\U0001f1e6")
    for number in range(26)
}
"""Signs that are read as letters where several stand together: parenthesized ones, and those that make flags."""
_MARKS = re.compile(r"(?<=\w)(?:\*{1,3}|_{2}|~~|\|\||`{1,3}|\\)+(?=\w)")
"""Discord's marks for bold, spoilers and the like, inside of a word: they are not seen there."""
_SMALL_CAPITAL = "LATIN LETTER SMALL CAPITAL "
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
"""Letters and marks by their category, and seen by nobody."""
_JOINS = frozenset("-_.·•‐‑‒–—⸱・\u2800")
"""Between two words these are no more than a space: "white-out" is "white out"."""
_UNSPACED = (
    ("\u0e00", "\u0eff"),  # Thai, Lao
    ("\u1000", "\u109f"),  # Burmese
    ("\u1780", "\u17ff"),  # Khmer
    ("\u3040", "\u30ff"),  # Hiragana, Katakana
    ("\u3400", "\u4dbf"),
    ("\u4e00", "\u9fff"),  # Han
    ("\uf900", "\ufaff"),
    ("\U00020000", "\U0003ffff"),
)
"""Scripts that set no spaces between words: there a word has no edge to look for."""


def tidied(terms: Iterable[str]) -> tuple[str, ...]:
    """Return terms as they are kept: without spaces at their ends, none twice, none of nothing but dress."""
    kept: dict[tuple[str, ...], str] = {}
    for term in terms:
        said = " ".join(term.split())
        forms = _needle(said)[0]
        if forms:
            kept.setdefault((*forms, "*" if said.endswith("*") else ""), said)
    return tuple(kept.values())


def blocked_in(text: str, terms: Iterable[str]) -> str | None:
    """Return the first of ``terms`` that ``text`` has, as its admin wrote it; None when it has none.

    A term that ends with * is any word that begins so.
    """
    texts: tuple[str, ...] | None = None
    for term in terms:
        if texts is None:
            texts = tuple(dict.fromkeys(form for reading in _readings(text) for form in _forms(reading)))
        needles, open_end = _needle(term)
        if any(_has(form, needle, open_end=open_end) for form in texts for needle in needles):
            return term
    return None


def _readings(text: str) -> tuple[str, ...]:
    """Return a text as it stands, as Discord shows it, and with signs taken for letters; each once."""
    bare = text if text.isascii() else "".join(char for char in text if not _is_dress(char))
    unseen: dict[str, bool] = {}

    def without(found: re.Match[str]) -> str:
        marks = found[0]
        if marks not in unseen:  # Discord takes them for marks in pairs only; the second may be the first turned round
            turned = marks[::-1]
            unseen[marks] = marks == "\\" or bare.count(marks) > 1 or (turned != marks and turned in bare)
        return "" if unseen[marks] else marks

    shown = _MARKS.sub(without, bare)
    # In readings of their own: beside a flag, or with a sign of multiplication, a word ends all the same.
    return tuple(dict.fromkeys((text, shown, shown.translate(_SIGNS))))


def _has(text: str, needle: str, *, open_end: bool) -> bool:
    at = text.find(needle)
    while at >= 0:
        end = at + len(needle)
        if _is_edge(text, at) and (open_end or _is_edge(text, end)):
            return True
        at = text.find(needle, at + 1)
    return False


def _is_edge(text: str, at: int) -> bool:
    """Tell whether a word may begin or end before the character at ``at``."""
    if at in {0, len(text)}:
        return True
    before, after = text[at - 1], text[at]
    if not (_is_of_word(before) and _is_of_word(after)):
        return True
    return _is_unspaced(before) or _is_unspaced(after)


def _is_of_word(char: str) -> bool:
    return char.isalnum() or unicodedata.category(char)[0] == "M"


def _is_unspaced(char: str) -> bool:
    return any(first <= char <= last for first, last in _UNSPACED)


@lru_cache(maxsize=10_000)
def _needle(term: str) -> tuple[tuple[str, ...], bool]:
    """Return how a term is looked for, and whether only its beginning counts."""
    said = term.strip()
    open_end = said.endswith("*") and len(said) > 1
    return tuple(form for form in _forms(said.removesuffix("*") if open_end else said) if form), open_end


def _forms(text: str) -> tuple[str, ...]:
    """Return what a text says, without its dress: once read in lower case, once as its letters stand.

    Letters of other scripts look like Latin ones in one case only (Н and н), so both have to be looked at.
    """
    if text.isascii():
        return (_spaced(text.casefold()),)
    split = unicodedata.normalize("NFKD", text)
    return tuple(dict.fromkeys(_spaced(_bare(form)) for form in (split.casefold(), split)))


def _bare(text: str) -> str:
    kept = "".join(_look_alikes().get(char, char) for char in text if not _is_dress(char))
    lower = unicodedata.normalize("NFKD", kept.casefold())
    return unicodedata.normalize(
        "NFC", "".join(_look_alikes().get(char, char) for char in lower if not _is_dress(char))
    )


def _spaced(text: str) -> str:
    return " ".join("".join(" " if char in _JOINS else char for char in text).split())


def _is_dress(char: str) -> bool:
    """Tell whether a character changes nothing about which word it is: accents, invisible ones, enclosing marks."""
    if char.isascii() or char.isspace():
        return False
    category = unicodedata.category(char)
    if category in {"Cf", "Cc", "Me"} or char in _FILLERS:
        return True
    if category != "Mn":
        return False
    # Vowel signs (class 0) and the marks that make another letter of one (7 to 9) belong to a word; accents above and
    # below, strokes, and the points of Hebrew and Arabic do not.
    kind = unicodedata.combining(char)
    return kind >= 200 or kind == 1 or 10 <= kind <= 36 or "\ufe00" <= char <= "\ufe0f" or char >= "\U000e0100"


@cache
def _look_alikes() -> dict[str, str]:
    """Return the letters that pass for Latin ones, with what they pass for, in lower case."""
    found: dict[str, str] = {}
    for char in confusables_data:
        if len(char) == 1 and not char.isascii() and unicodedata.category(char)[0] == "L":
            seen = _seen_as(char) or next(
                (seen for other in _others(char) if len(other) == 1 and (seen := _seen_as(other))), None
            )
            if seen is not None:
                found[char] = seen
    # Negative circled and squared letters have no decomposition.
    for start in ("\U0001f150", "\U0001f170"):
        found |= {chr(ord(start) + number): chr(ord("a") + number) for number in range(26)}
    return found | _ALSO


def _seen_as(char: str) -> str | None:
    """Return the Latin letters that a letter looks like by itself."""
    if char in _ALSO:
        return _ALSO[char]
    name = unicodedata.name(char, "")
    if name.startswith(_SMALL_CAPITAL) and len(name) == len(_SMALL_CAPITAL) + 1:
        return name[-1].lower()
    for other in _others(char):
        letters = "".join(part for part in unicodedata.normalize("NFKD", other) if not _is_dress(part))
        if letters.isascii() and letters.isalpha():
            return letters.lower()
    return None


def _others(char: str) -> list[str]:
    return [entry["c"] for entry in confusables_data.get(char, ())]
