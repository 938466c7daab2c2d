import unicodedata

import pytest

from bot.ui.text import ALT_TEXT_LIMIT, alt_text, label, plain
from tests.ui_limits import units
from tests.ui_samples import LONGEST

FAMILY = "👨‍👩‍👧‍👦"


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("a red panda, 5 - 3 = 2. Really: yes #1", "a red panda, 5 - 3 = 2. Really: yes #1"),
        ("<@123>", r"\<\@123\>"),
        ("<@&5> <#6>", r"\<\@&5\> \<#6\>"),
        ("@everyone @here", r"\@everyone \@here"),
        ("<t:1:R>", r"\<t\:1:R\>"),
        ("</imagine:77>", r"\</imagine:77\>"),
        ("<:cat:88> <a:cat:88>", r"\<\:cat:88\> \<a\:cat:88\>"),
        (":smile: at 12:30", r"\:smile: at 12:30"),
        (":wave::skin-tone-2:", r"\:wave:\:skin-tone-2:"),
        ("https://evil.example/a_b", r"https\://evil.example/a\_b"),
        ("[free](https://evil.example)", r"\[free\](https\://evil.example)"),
        ("discord.gg/abc DISCORD.com/invite/abc", r"discord\.gg/abc DISCORD\.com/invite/abc"),
        ("**b** _i_ ~~s~~ `c` ||x||", r"\*\*b\*\* \_i\_ \~\~s\~\~ \`c\` \|\|x\|\|"),
        ("# head", r"\# head"),
        ("-# sub", r"\-# sub"),
        ("> quote", r"\> quote"),
        ("1. one", r"1\. one"),
        ("ends in \\", "ends in \\\\"),
        (r"\*", r"\\\*"),
    ],
)
def test_what_was_typed_does_nothing(typed: str, sent: str) -> None:
    assert plain(typed, 200) == sent


def test_every_line_is_inert_and_lines_are_bounded() -> None:
    assert plain("a\n# b\n\n  - c\r\n2) d\ne", 200, lines=4) == "a\n\\# b\n\\- c\n2\\) d e"
    assert plain("a\nb\tc\u2028d", 200) == "a b c d"


@pytest.mark.parametrize("name", LONGEST)
@pytest.mark.parametrize(("limit", "lines"), [(40, 1), (350, 1), (2400, 20)])
def test_limits_hold_for_every_script(name: str, limit: int, lines: int) -> None:
    shown = plain(LONGEST[name], limit, lines=lines)
    assert units(shown) <= limit
    assert shown.count("\n") < lines
    assert "…" in shown or name == "zalgo"  # which is short without its marks
    assert not any(unicodedata.category(char) == "Cs" for char in shown)
    assert shown.count("\u2068") == shown.count("\u2069")


def test_cuts_at_a_word() -> None:
    assert plain("one two three four", 12) == "one two…"
    assert plain("one, two, three", 10) == "one, two…"
    assert plain("unbreakable" * 4, 12) == "unbreakable…"


@pytest.mark.parametrize("cluster", [FAMILY, "👩🏽‍🚀", "🏳️‍🌈", "🇯🇵", "e\u0301\u0323", "각", "क्षि", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"])
def test_never_cuts_through_a_character(cluster: str) -> None:
    for limit in range(20, 60):
        shown = plain(cluster * 30, limit)
        assert set(shown.removesuffix("…").split(cluster)) == {""}


def test_an_escaped_character_keeps_its_backslash() -> None:
    for limit in range(3, 30):
        body = plain("*" * 40, limit).removesuffix("…")
        assert body == "\\*" * (len(body) // 2)


def test_right_to_left_text_stays_in_its_place() -> None:
    assert plain("مرحبا", 40) == "\u2068مرحبا\u2069"
    assert plain("مرحبا\nabc", 40, lines=2) == "\u2068مرحبا\u2069\n\u2068abc\u2069"
    assert plain("\u202eabc\u2066\u2067d\u2069", 40) == "abcd"


def test_stacked_marks_and_hidden_characters_are_bounded() -> None:
    assert plain("Z" + "\u0301" * 60 + "x", 200) == "Z" + "\u0301" * 4 + "x"
    assert plain("Z" + "\u0301\u200d" * 60, 400).count("\u0301") == 4
    assert plain("a\u200bb\u2060c\ufeffd\x00e\x1bf", 40) == "abcdef"
    assert plain("hid\U000e0068\U000e0069den", 40) == "hidden"
    assert plain("lone \ud83d half", 40) == "lone \ufffd half"
    assert plain("\u3164 \u200b\n", 40) == "(blank)"


def test_labels_and_alt_text_are_not_escaped() -> None:
    assert label("**a** <@1>\nb", 100) == "**a** <@1> b"
    assert alt_text("a *cat*", before="Picture 1 of 2: ") == "Picture 1 of 2: a *cat*"
    for text in LONGEST.values():
        assert 0 < units(alt_text(text, before="Picture 1 of 2: ")) <= ALT_TEXT_LIMIT
