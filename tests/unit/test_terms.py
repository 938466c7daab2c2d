"""Blocked words are found in any dress, and not inside of other words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.generations.terms import blocked_in, tidied

DRESSES = [
    "badword", "BADWORD", "BaDwOrD", "a badword.", "“badword”", "badword's", "_badword_", "#badword", "x-badword-y",
    "bád wörd badwórd", "b\u0301a\u0302d\u0336w\u0489ord", "ba\u200bdw\u200dord", "bad\u00adword", "bad\u2060word",
    "bad\u034fword", "b\ufe0fadword", "bad\U000e0041word", "\u202ebadword\u202c", "ba\u115fdword",
    "ｂａｄｗｏｒｄ", "𝐛𝐚𝐝𝐰𝐨𝐫𝐝", "𝓫𝓪𝓭𝔀𝓸𝓻𝓭", "ⓑⓐⓓⓦⓞⓡⓓ", "🅑🅐🅓🅦🅞🅡🅓", "🅱🅰🅳🆆🅾🆁🅳", "ʙᴀᴅᴡᴏʀᴅ",
    "bаdwоrd", "ВАDWОRD", "bαdwοrd", "Βadword", "bⲟdy baԁwoгd badwⲟrd", "badwørd",
    "🇧🇦🇩🇼🇴🇷🇩", "🇧\u200b🇦\u200b🇩\u200b🇼\u200b🇴\u200b🇷\u200b🇩", "⒝⒜⒟⒲⒪⒭⒟", "🄑🄐🄓🄦🄞🄡🄓", "ⲃⲁdwⲟrd",
    "bad**wo**rd", "b*a*dword", "bad||word||", "b||a||dword", "bad~~wo~~rd", "bad__wo__rd", "b`a`dword", "b\\adword",
    "b**||a||**dword", "b\u200b**a**\u200bdword", "badword🇩🇪", "**badword**", "||badword||",
]  # fmt: skip
INNOCENT = [
    "", "badwords", "notbadword", "badwording", "bad word", "badw0rd", "b4dword", "bad1word", "ba dword",
    "bad*word", "bad**word", "🇧🇦🇩 🇼🇴🇷🇩",
    "snot**bad**words", "b_a_dword", "bad || word",
    "плохое слово",
]  # fmt: skip


@pytest.mark.parametrize("text", DRESSES)
def test_no_dress_hides_a_word(text: str) -> None:
    assert blocked_in(f"paint {text} please", ["other", "badword"]) == "badword"


@pytest.mark.parametrize("text", INNOCENT)
def test_what_is_another_word_is_not_found(text: str) -> None:
    assert blocked_in(text, ["badword"]) is None


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("cunt", "a view of Scunthorpe"), ("ass", "a classic assassin passes"), ("cock", "a cocktail, peacocks"),
        ("sex", "Essex and Middlesex"), ("hell", "hello, shell"), ("dick", "Dickens"), ("c++", "c and c+"),
    ],
)  # fmt: skip
def test_no_false_hit_inside_of_other_words(term: str, text: str) -> None:
    assert blocked_in(text, [term]) is None


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("white power", "WHITE-POWER"), ("white-power", "white   power"), ("white power", "white\npower"),
        ("white power", "white.power"), ("white power", "whіte\u200b pοwer"), ("c++", "write C++ code"), ("🍌", "a🍌b"),
        ("nud*", "nudes"), ("nud*", "NÚDITY"), ("plain", "plain."), ("ПЛОХО", "плохо"), ("плохо", "очень ПЛОХО"),
        ("нет", "НЕТ"), ("straße", "STRASSE"), ("اسم", "اِسم"), ("裸", "裸の人"), ("ヌード", "ヌード写真"),
        ("ＡＢ", "ab"), ("เปลือย", "ภาพเปลือย"), ("नंगा", "एक नंगा"), ("한국", "한국 음식"), ("*", "a * b"),
    ],
)  # fmt: skip
def test_phrases_beginnings_and_other_scripts(term: str, text: str) -> None:
    assert blocked_in(text, [term]) == term


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("कुल", "कल"),
        ("nud*", "denuded"),
        ("か", "が"),
        ("한", "하나"),
        ("white power", "white horse power"),
        ("ab", "a b"),
    ],
)
def test_what_makes_another_word_is_kept(term: str, text: str) -> None:
    assert blocked_in(text, [term]) is None


@pytest.mark.parametrize(
    ("term", "text"),
    [("idiot", "an Іdiot"), ("idiot", "an Ιdiot"), ("mate", "Мate"), ("then", "ᎢΗΕΝ"), ("gold", "ԌOLD")],
)
def test_letters_that_look_alike_in_one_case_only(term: str, text: str) -> None:
    assert blocked_in(text, [term]) == term


def test_terms_are_tidied() -> None:
    assert tidied(["  bad   word ", "BAD-WORD", "bád word", "", " ", "\u200b", "good*", "good", "-"]) == (
        "bad word",
        "good*",
        "good",
    )


@given(st.text(max_size=60), st.text(min_size=1, max_size=12))
def test_every_term_is_found_as_it_was_written(around: str, term: str) -> None:
    for kept in tidied([term]):
        assert blocked_in(kept, [kept]) == kept
        assert blocked_in(f"{around} {kept.removesuffix('*') or '*'} {around}", [kept]) == kept


def test_a_long_prompt_against_a_long_list_is_read_once() -> None:
    terms = tidied(f"word{number}" for number in range(200))
    assert blocked_in("wörd " * 4000, terms) is None
    assert blocked_in("wörd " * 4000 + "word199", terms) == "word199"
