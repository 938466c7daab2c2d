"""Preferences and styles, on a real database; and the search of the history."""

from __future__ import annotations

import pytest

from bot.generations.preferences import MAX_STYLES, NAME_MAX_CHARS, SUFFIX_MAX_CHARS, Preferences, StyleRefused
from bot.generations.preferences import PreferencesBook as Book
from bot.storage import Database
from tests.clocks import TestClock
from tests.world import ALICE, BOB, GUILD, World


@pytest.fixture
def book(database: Database) -> Book:
    return Book(database, TestClock())


async def test_nothing_is_preferred_at_first_and_what_is_not_named_stays(book: Book) -> None:
    assert await book.of(ALICE) == Preferences()
    await book.set(ALICE, model="nano-banana", private=False, resolution="2K")
    await book.set(ALICE, notify=True, resolution=None)
    mine = await book.of(ALICE)
    assert mine == Preferences(model="nano-banana", private=False, notify=True)
    assert mine.options == {}
    assert await book.of(BOB) == Preferences()
    with pytest.raises(ValueError, match="colour"):
        await book.set(ALICE, colour="red")


async def test_a_style_is_found_whatever_its_case_and_changed_under_its_name(book: Book) -> None:
    await book.put_style(ALICE, "  Film   Noir ", "  black and white, 1947 ")
    await book.put_style(ALICE, "aquarelle", "watercolour")
    await book.put_style(ALICE, "FILM NOIR", "rain at night")
    assert [(style.name, style.suffix) for style in await book.styles(ALICE)] == [
        ("aquarelle", "watercolour"),
        ("FILM NOIR", "rain at night"),
    ]
    found = await book.style(ALICE, "film noir")
    assert found is not None
    assert found.applied_to("a fox \n") == "a fox\n\nrain at night"
    assert await book.style(BOB, "film noir") is None
    assert await book.remove_style(ALICE, "Film noir")
    assert not await book.remove_style(ALICE, "Film noir")


async def test_a_style_gets_another_name_and_never_writes_over_another(book: Book) -> None:
    noir = await book.add_style(ALICE, "Film  Noir", " 1947 ")
    pastel = await book.add_style(ALICE, "pastel", "soft")
    assert (noir.name, noir.suffix) == ("Film Noir", "1947")
    assert await book.style_at(ALICE, noir.id) == noir
    assert await book.style_at(BOB, noir.id) is None
    for replacing in (None, pastel.id):
        with pytest.raises(StyleRefused, match="of that name already"):
            await book.add_style(ALICE, "FILM NOIR", "x", replacing=replacing)
    renamed = await book.add_style(ALICE, "Noir", "1948", replacing=noir.id)
    assert await book.add_style(ALICE, "NOIR", "1949", replacing=noir.id) != renamed
    assert [(style.id, style.name, style.suffix) for style in await book.styles(ALICE)] == [
        (noir.id, "NOIR", "1949"),
        (pastel.id, "pastel", "soft"),
    ]
    # One that is gone meanwhile is kept anew: what was typed is not lost.
    await book.remove_style(ALICE, "pastel")
    await book.add_style(ALICE, "pastel again", "softer", replacing=pastel.id)
    # Nobody else's is touched.
    await book.add_style(BOB, "mine", "x", replacing=noir.id)
    assert [style.name for style in await book.styles(ALICE)] == ["NOIR", "pastel again"]
    assert [style.name for style in await book.styles(BOB)] == ["mine"]


@pytest.mark.parametrize(
    ("name", "suffix", "words"),
    [
        (" ", "x", "needs a name"),
        ("x", "\n", "needs a name"),
        ("x" * (NAME_MAX_CHARS + 1), "x", "at most 50"),
        ("x", "y" * (SUFFIX_MAX_CHARS + 1), "at most 1000"),
    ],
)
async def test_what_is_no_style_is_refused(book: Book, name: str, suffix: str, words: str) -> None:
    with pytest.raises(StyleRefused) as raised:
        await book.put_style(ALICE, name, suffix)
    assert words in raised.value.user_message
    with pytest.raises(StyleRefused) as raised:
        await book.add_style(ALICE, name, suffix)
    assert words in raised.value.user_message
    assert await book.styles(ALICE) == []


async def test_there_are_as_many_styles_as_a_select_shows(book: Book) -> None:
    for number in range(MAX_STYLES):
        await book.put_style(ALICE, f"style {number}", "x")
    with pytest.raises(StyleRefused, match="25 styles"):
        await book.put_style(ALICE, "one more", "x")
    with pytest.raises(StyleRefused, match="25 styles"):
        await book.add_style(ALICE, "one more", "x")
    await book.put_style(ALICE, "STYLE 3", "changed")  # that is none more
    await book.put_style(BOB, "one more", "x")


async def test_the_history_is_searched_by_words_model_and_time(world: World) -> None:
    texts = ("a red fox, 100% sure", "a Red panda", "the blue fox_tail")
    for text in texts:
        await world.imagine(text, model="nano-banana" if "panda" in text else None)
        world.clock.advance(3600)
    await world.imagine("a red fox", origin=world.origin(user_id=BOB))
    await world.until_idle()

    async def found(**wanted: object) -> list[str]:
        page = await world.core.generations.search(user_id=ALICE, guild_id=GUILD, **wanted)  # type: ignore[arg-type]
        return [view.prompt for view in page.requests]

    assert await found() == list(reversed(texts))
    assert await found(text="FOX red") == [texts[0]]
    assert await found(text="100%") == [texts[0]]
    assert await found(text="x_t") == [texts[2]]
    assert await found(text="o_e") == []
    assert await found(model="nano-banana") == [texts[1]]
    created = (await world.core.generations.search(user_id=ALICE, guild_id=GUILD, text="panda")).requests[0]
    assert await found(since_ms=created.created_at_ms) == [texts[2], texts[1]]
    assert await found(until_ms=created.created_at_ms) == [texts[0]]
    page = await world.core.generations.search(user_id=ALICE, guild_id=GUILD, page=9, size=2)
    assert (page.page, page.pages, [view.prompt for view in page.requests]) == (2, 2, [texts[0]])


async def test_a_search_for_pictures_leaves_out_what_brought_none(world: World) -> None:
    await world.imagine("came")
    await world.until_idle()
    accepted = await world.accept("in work")
    page = await world.core.generations.search(user_id=ALICE, guild_id=GUILD, with_picture=True)
    assert [view.prompt for view in page.requests] == ["came"]
    await world.core.generations.not_acknowledged(accepted.request_id)


@pytest.mark.parametrize("text", ["λύκοι", "cafe\u0301", "CAFÉ", "über UND"])
async def test_words_are_found_whatever_their_case_and_spelling(world: World, text: str) -> None:
    accepted = await world.accept("Übergroße ΛΎΚΟΙ und Caf\u00e9")
    page = await world.core.generations.search(user_id=ALICE, guild_id=GUILD, text=text)
    assert [view.id for view in page.requests] == [accepted.request_id]
    assert (await world.core.generations.search(user_id=ALICE, guild_id=GUILD, text=f"{text} wal")).requests == ()
    await world.core.generations.not_acknowledged(accepted.request_id)
