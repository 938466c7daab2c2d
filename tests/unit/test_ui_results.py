"""What stands under a result, the forms that it opens, and the words of its kin."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import bot.ui
import tests.ui_samples_house
from bot.generations.operator_desk import Allowance, ServerStands
from bot.generations.preferences import NAME_MAX_CHARS, SUFFIX_MAX_CHARS, Style
from bot.generations.repository import BookedRow
from bot.generations.terms import TERM_MAX_CHARS, TERMS_MAX_CHARS
from bot.generations.values import Attachment, Derived, GenerationRequest, Place, Relatives
from bot.rivya import Catalogue
from bot.ui import cards, ids, moderation_ids, settings_ids
from bot.ui.actions import Action, Choice, controls, larger_sizes
from bot.ui.bans import ban_form
from bot.ui.card import Card
from bot.ui.details import details_card, whole_prompt
from bot.ui.form import Form
from bot.ui.found import sentences
from bot.ui.kin import from_parent, headline
from bot.ui.modals import INPUT_MAX, edit_form, filled, reference_form, remix_form, report_form, rewrite_form, terms_of
from bot.ui.operator import allowance_form, pause_form
from bot.ui.preferences import style_form
from bot.ui.settings_forms import words_form, zone_form
from tests.openapi import discord_schema
from tests.ui_limits import TEXT, broken_limits, custom_ids, texts, units
from tests.ui_samples import (
    ARABIC,
    LONGEST,
    OPTIONS,
    PANDA,
    REQUEST_ID,
    UPLOADED,
    S,
    files,
    picture,
    references,
    request,
)
from tests.ui_samples_house import FORMS
from tests.ui_samples_results import LARGER, SHOWN, everyone, relative

CATALOGUE = Catalogue()
PRO = terms_of(CATALOGUE, "nano-banana-pro")
FIRST = terms_of(CATALOGUE, "nano-banana")
"""It has no sizes to choose from."""
UNEVEN = replace(PRO, prices={"1K": 8, "2K": 8, "4K": 24})
NO_PRICES = replace(FIRST, prices={})
DRAFT_ID = "f" * 16
ID_MODULES = [
    importlib.import_module(f"bot.ui.{module.name}")
    for module in pkgutil.iter_modules(bot.ui.__path__)
    if module.name.endswith("ids")
]
SERVER = ServerStands(2**63 - 1, Allowance(own=True, credits=None), 10**9, 0)
ONE = request(picture(1), **SHOWN)
FOUR = request(*(picture(number) for number in range(1, 5)), **SHOWN)


def words_under(view: Any, **values: Any) -> list[str]:
    card = Card(0, *controls(view, **values))
    selects = [part for part in card.to_components()[0]["components"] if part["components"][0]["type"] == 3]
    return [option["label"] for option in selects[0]["components"][0]["options"]] if selects else []


# --- controls ---


def test_only_what_makes_sense_is_offered() -> None:
    assert words_under(ONE) == [
        "Full size", "4K · 8 credits", "Variations ×4 · 32 credits", "Use as reference", "Add to my tray", "Details",
        "Who made this", "Post to the gallery", "Report to the moderators", "Delete",
    ]  # fmt: skip
    gone = request(picture(1, path=None), **SHOWN)
    assert words_under(gone) == ["Variations ×4 · 32 credits", "Details", "Who made this", "Report to the moderators",
                                 "Delete"]  # fmt: skip
    assert [part for part in custom_ids(Card(0, *controls(gone))) if ":edit:" in part] == []
    closed = replace(ONE, prices={})
    assert words_under(closed) == ["Full size", "Add to my tray", "Details", "Who made this", "Post to the gallery",
                                   "Report to the moderators", "Delete"]  # fmt: skip
    assert custom_ids(Card(0, *controls(closed))) == [ids.more(REQUEST_ID)]
    removed = replace(ONE, removed_by=10)
    assert not {"Post to the gallery", "Report to the moderators"} & set(words_under(removed))
    for outside in (replace(ONE, place_guild_id=None), replace(ONE, place=Place.OUTSIDE)):
        assert not {"Post to the gallery", "Report to the moderators"} & set(words_under(outside))


def test_sizes_are_those_above_its_own() -> None:
    assert larger_sizes(request(options={"resolution": "1K"})) == {"2K": 8, "4K": 8}
    assert larger_sizes(request(options={"resolution": "4K"})) == {}
    assert larger_sizes(request(options={}, prices={"": 3})) == {}
    assert larger_sizes(request(options={"resolution": "8K"})) == {}


@pytest.mark.parametrize(
    "choice", [Choice(Action.FULL), Choice(Action.LARGER, "4K", 8), Choice(Action.VARIATIONS, None, 32)]
)
def test_a_choice_comes_back_as_it_was(choice: Choice) -> None:
    assert Choice.of(choice.value) == choice
    assert ids.PICK.fullmatch(ids.pick(REQUEST_ID, choice.value))


@pytest.mark.parametrize("value", ["", "larger", "full.1.2", "nothing", "larger.4K.x", "variations.1.2"])
def test_what_is_no_choice_is_none(value: str) -> None:
    with pytest.raises(ValueError):
        Choice.of(value)


def test_at_most_five_buttons_a_row_also_while_pictures_are_in_work() -> None:
    working = request(picture(1), picture(2, S.HELD), picture(3, S.HELD))
    card = cards.result_card(working, files(working))
    assert broken_limits(card) == []
    labels = [part.get("label") for part in card.to_components()[0]["components"][-2]["components"]]
    assert labels == ["Again", "Edit", "Remix", "Cancel the 2 not sent yet"]


def test_new_ids_match_their_templates_and_no_other() -> None:
    templates = [value for module in ID_MODULES for value in vars(module).values() if isinstance(value, re.Pattern)]
    sent = [
        ids.redo(REQUEST_ID), ids.edit(REQUEST_ID), ids.edit(REQUEST_ID, 3), ids.remix(REQUEST_ID),
        ids.more(REQUEST_ID), ids.more(REQUEST_ID, 4), ids.pick(REQUEST_ID, "larger.4K.8"), ids.tree(),
        ids.edit_form(REQUEST_ID), ids.edit_form(REQUEST_ID, 2), ids.remix_form(REQUEST_ID),
        ids.reference_form(REQUEST_ID), ids.reference_form(REQUEST_ID, 1), ids.report_form(REQUEST_ID),
        ids.delete(REQUEST_ID), ids.delete(REQUEST_ID, 2**63), ids.keep(), ids.exhibit(REQUEST_ID, 1),
        moderation_ids.report_delete(9), moderation_ids.report_dismiss(9), settings_ids.gallery_channel(),
        settings_ids.reports_channel(), settings_ids.no_gallery(),
        settings_ids.no_reports_channel(), moderation_ids.open_reports(3),
        ids.cancel(REQUEST_ID), ids.full(REQUEST_ID, 1),
        ids.full_select(REQUEST_ID), ids.again(REQUEST_ID), ids.rewrite(DRAFT_ID), ids.take_form(DRAFT_ID),
        ids.rewrite_form(DRAFT_ID),
    ]  # fmt: skip
    for custom_id in sent:
        assert len(custom_id) <= 100
        assert custom_id.startswith(ids.PREFIX)
        assert sum(template.fullmatch(custom_id) is not None for template in templates) == 1, custom_id


# --- kin ---


def test_a_link_to_the_parent_only_where_all_may_see_it() -> None:
    assert from_parent(ONE) is None
    assert from_parent(replace(ONE, parent=relative(1))) == "from [↗\ufe0e](https://discord.com/channels/20/30/41)"
    second = replace(ONE, parent=relative(1, position=2))
    assert from_parent(second) == "from [↗\ufe0e](https://discord.com/channels/20/30/41) (picture 2)"
    for hidden in ({"private": True}, {"removed_by": 10}, {"place_guild_id": 21}, {"message_id": None}):
        said = from_parent(replace(ONE, parent=relative(1, **hidden)))
        assert said == "from an earlier picture"


def test_a_larger_one_is_called_by_its_own_words() -> None:
    larger = replace(ONE, prompt=LARGER)
    assert headline(larger, 350) == f"At 2K: {PANDA}"
    assert headline(ONE, 350) == PANDA
    item = cards.result_card(larger, files(larger)).to_components()[0]["components"][0]["items"][0]
    assert item["description"] == PANDA


# --- details ---


def test_details_name_relatives_and_hide_private_ones() -> None:
    kin = Relatives(
        relative(1, private=True, prompt="the secret parent"),
        (relative(2, derived_as=Derived.AGAIN), relative(3, private=True, prompt="the secret child")),
    )
    card = details_card(ONE, kin, lambda one: not one.private)
    said = texts(card)
    assert "Came of** a picture you can't see here, as an edit" in said
    assert "· an edit: a picture you can't see here" in said
    assert "secret" not in said
    options = card.to_components()[0]["components"][-2]["components"][0]["options"]
    assert [option["value"] for option in options] == [f"{2:016x}"]
    assert options[0]["description"] == "the same again"


def test_details_list_many_children_and_offer_twenty_five() -> None:
    children = tuple(relative(number) for number in range(1, 60))
    card = details_card(ONE, Relatives(relative(99), children), everyone)
    assert broken_limits(card) == []
    assert "59 pictures came of it" in texts(card)
    assert "and 51 older ones" in texts(card)
    options = card.to_components()[0]["components"][-2]["components"][0]["options"]
    assert len(options) == 25
    assert options[0]["value"] == f"{99:016x}"
    assert options[-1]["value"] == f"{59:016x}"


def test_details_name_entries_of_the_member_alone_and_the_newest() -> None:
    def entry(number: int, kind: str) -> BookedRow:
        return BookedRow(number, kind, 8, ONE.pictures[0].id, "engine", "picture", 0)

    alone = Relatives(None, ())
    said = texts(
        details_card(ONE, alone, everyone, booked=[entry(12, "hold"), entry(14, "adjust"), entry(15, "capture")])
    )
    assert "ledger: #12 held, #15 charged\n" in said
    many = [entry(1, "hold"), entry(2, "capture"), *(entry(number, "refund") for number in range(3, 15))]
    said = texts(details_card(ONE, alone, everyone, booked=many))
    assert "ledger: 2 older entries · #3 refunded, " in said
    assert "ledger" not in texts(details_card(ONE, alone, everyone))


def test_details_say_which_references_are_gone() -> None:
    kept, gone = (replace(image, kept=number == 0) for number, image in enumerate(references(UPLOADED, UPLOADED)))
    said = texts(details_card(request(picture(1), references=(kept, gone)), Relatives(None, ()), everyone))
    assert "(no longer kept: image 2)" in said
    assert whole_prompt(request(prompt="short")) is None
    assert whole_prompt(request(prompt="long " * 300)) == "long " * 300


# --- forms ---


def parts_of(form: Form) -> dict[str, dict[str, Any]]:
    labels = [part for part in form.to_dict()["components"] if part["type"] != TEXT]
    return {label["component"]["custom_id"]: label["component"] for label in labels}


def form_makers() -> dict[str, Callable[..., Form]]:
    """Every public function of bot.ui that returns a form, by its name."""
    modules = [importlib.import_module(f"bot.ui.{found.name}") for found in pkgutil.iter_modules(bot.ui.__path__)]
    return {
        name: function
        for module in modules
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and inspect.signature(function).return_annotation in {"Form", Form}
    }


def forms(view: Any, names: list[str], words: str) -> list[Form]:
    style = Style(words[:NAME_MAX_CHARS], words[:SUFFIX_MAX_CHARS], 2**62)
    asked = GenerationRequest(prompt=words[: INPUT_MAX // 2], count=4, options=OPTIONS)
    left_out = sentences([f"{name} is a PDF." for name in names])
    return [
        style_form(), style_form(style), ban_form(2**63, words), words_form([words[: TERMS_MAX_CHARS // 2]]),
        zone_form(words[:60]), *(draw() for draw in FORMS.values()),
        allowance_form(SERVER, words), pause_form(2**63, words),
        reference_form(ids.take_form(DRAFT_ID), PRO, named=names[:5], left_out=left_out),
        reference_form(ids.take_form(DRAFT_ID), PRO, named=names),
        rewrite_form(ids.rewrite_form(DRAFT_ID), asked, PRO, blocked=words[:TERM_MAX_CHARS]),
        rewrite_form(ids.rewrite_form(DRAFT_ID), asked, FIRST, blocked=None),
        edit_form(view, FIRST), edit_form(view, FIRST, position=1), remix_form(view, FIRST), remix_form(view, UNEVEN),
        reference_form(ids.take_form(DRAFT_ID), FIRST, named=names[:1], left_out=left_out),
        edit_form(view, PRO), edit_form(view, PRO, position=1), remix_form(view, PRO), report_form(view),
        reference_form(ids.reference_form(view.id), PRO, named=names),
        reference_form(ids.reference_form(view.id), PRO, named=[], pictures=view.pictures, options=view.options),
    ]  # fmt: skip


@pytest.mark.parametrize("name", LONGEST)
def test_forms_are_within_discords_limits(name: str) -> None:
    prompt = LONGEST[name]
    images = references(*[UPLOADED] * 8, names=[(prompt * 5)[:250]])
    view = request(*(picture(number) for number in range(1, 5)), prompt=prompt, references=images)
    short = replace(view, prompt=prompt[: INPUT_MAX // 2])
    for form in [*forms(view, [image.filename for image in images], prompt), remix_form(short, PRO)]:
        problems = discord_schema().problems("POST", "/interactions/1/t/callback", {"type": 9, "data": form.to_dict()})
        assert problems == []
        assert units(form.title) <= 45
        assert len(form.custom_id) <= 100
        assert 1 <= len(form.to_dict()["components"]) <= 5
        for label in form.to_dict()["components"]:
            if label["type"] == TEXT:
                assert 1 <= units(label["content"]) <= 4000
                continue
            assert units(label["label"]) <= 45
            assert units(label.get("description") or "") <= 100
            part = label["component"]
            assert units(part.get("value") or "") <= INPUT_MAX
            assert units(part.get("placeholder") or "") <= 100
            assert len(part.get("options") or []) <= 25
            defaults = [option for option in part.get("options") or [] if option.get("default")]
            assert len(defaults) <= 1


def test_no_form_is_left_out_of_those_that_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    made: set[str] = set()

    def watched(name: str, maker: Callable[..., Form]) -> Callable[..., Form]:
        def make(*given: Any, **named: Any) -> Form:
            made.add(name)
            return maker(*given, **named)

        return make

    makers = form_makers()
    for name, maker in makers.items():
        for module in (sys.modules[__name__], tests.ui_samples_house):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, watched(name, maker))
    forms(FOUR, ["a.png"], "words")
    assert sorted(made) == sorted(makers)


def test_forms_name_prices_and_are_filled_in() -> None:
    view = request(picture(1), picture(2), prompt=ARABIC, options={"aspect_ratio": "21:9", "resolution": "4K"})
    parts = parts_of(remix_form(view, PRO))
    assert parts["prompt"]["value"] == ARABIC
    assert [option["label"] for option in parts["count"]["options"]] == [
        "1 picture · 8 credits", "2 pictures · 16 credits", "3 pictures · 24 credits", "4 pictures · 32 credits",
    ]  # fmt: skip
    for name, value in (("aspect_ratio", "21:9"), ("resolution", "4K@8"), ("count", "2@8")):
        assert [option["value"] for option in parts[name]["options"] if option.get("default")] == [value]
    uneven = parts_of(remix_form(view, UNEVEN))["count"]["options"]
    assert [option["label"] for option in uneven] == [
        "1 picture · from 8 credits", "2 pictures · from 16 credits", "3 pictures · from 24 credits",
        "4 pictures · from 32 credits",
    ]  # fmt: skip
    assert [option["value"] for option in uneven] == ["1", "2", "3", "4"], "the size says what one costs"
    first = parts_of(remix_form(view, FIRST))
    assert "resolution" not in first
    assert first["count"]["options"][1]["label"] == "2 pictures · 6 credits"
    assert parts_of(remix_form(view, NO_PRICES))["count"]["options"][0]["label"] == "1 picture"


def test_where_no_choice_changes_the_price_the_title_names_it() -> None:
    titles = {form.title for form in (edit_form(ONE, FIRST), reference_form("nbb:x", FIRST, named=["cat.png"]))}
    assert titles == {"Edit this picture · 3 credits", "Use as reference · 3 credits"}
    assert {edit_form(ONE, PRO).title, edit_form(ONE, NO_PRICES).title} == {"Edit this picture"}
    ratios = parts_of(edit_form(ONE, FIRST))["aspect_ratio"]["options"]
    assert {option["value"].partition("@")[2] for option in ratios} == {"3"}
    sent = filled(_Sent(prompt=["night"], aspect_ratio=["16:9@3"]))
    assert (sent.options, sent.named_credits) == ({"aspect_ratio": "16:9"}, 3)


def test_names_of_images_are_whole_lines_where_they_are_many() -> None:
    few = reference_form("nbb:x", PRO, named=["cat.png", "dog.png"]).to_dict()["components"]
    assert few[0]["description"] == "image 1: cat.png · image 2: dog.png"
    names = [f"photo_of_a_very_long_afternoon_{number}.png" for number in range(1, 9)]
    above, prompt, *_ = reference_form("nbb:x", PRO, named=names, left_out=["notes.pdf is a PDF."]).to_dict()[
        "components"
    ]
    shown = above["content"].replace("\\", "").splitlines()
    assert [line.partition(":")[0] for line in shown[:8]] == [f"-# image {number}" for number in range(1, 9)]
    assert shown[8:] == ["-# Left out:", "-# notes.pdf is a PDF."]
    assert prompt["description"] == "Speak of your references as image 1, image 2, …"


def test_no_upload_where_there_is_no_room() -> None:
    names = [f"{number}.png" for number in range(8)]
    assert "files" not in parts_of(reference_form("nbb:x", PRO, named=names))
    assert parts_of(reference_form("nbb:x", PRO, named=names[:5]))["files"]["max_values"] == 3
    many = terms_of(CATALOGUE, "nano-banana-2")
    assert parts_of(reference_form("nbb:x", many, named=["a.png"]))["files"]["max_values"] == 10


class _Sent:
    def __init__(self, **values: Any) -> None:
        self._values = values

    def text(self, custom_id: str, /) -> str:
        return str(self._values.get(custom_id, ""))

    def values(self, custom_id: str, /) -> tuple[str, ...]:
        return tuple(self._values.get(custom_id, ()))

    def images(self, custom_id: str, /) -> tuple[Attachment, ...]:
        return tuple(self._values.get(custom_id, ()))


def test_what_was_filled_in_is_read_with_the_price_it_named() -> None:
    form = filled(_Sent(prompt=" a cat ", aspect_ratio=["16:9"], resolution=["4K@24"], count=["3"], picture=["2"]))
    assert form.prompt == "a cat"
    assert form.options == {"aspect_ratio": "16:9", "resolution": "4K"}
    assert (form.count, form.positions, form.named_credits) == (3, (2,), 72)
    assert filled(_Sent(count=["2@3"])).named_credits == 6
    assert filled(_Sent()).named_credits is None
    assert filled(_Sent(resolution=["2K@8"])).named_credits == 8
