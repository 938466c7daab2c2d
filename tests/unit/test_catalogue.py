"""What a model can't take is refused with words, and prices follow what the answers say."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.rivya import BadOption, Catalogue, LearnedPrice, ModelInfo, ModelSpec, ReferenceUrl

PRO = Catalogue().get("nano-banana-pro")
TWO = Catalogue().get("nano-banana-2")
ONE = Catalogue().get("nano-banana")


def refused(model: ModelSpec, *, prompt: str = "a panda", references: int = 0, **options: str | None) -> BadOption:
    with pytest.raises(BadOption) as caught:
        model.check(prompt=prompt, options=options, reference_count=references)
    return caught.value


def test_the_numbers_of_the_page() -> None:
    catalogue = Catalogue()
    assert catalogue.default is PRO
    assert [model.id for model in catalogue.available()] == ["nano-banana-pro", "nano-banana-2", "nano-banana"]
    facts = [
        (m.base_credits, m.prompt_max_chars, m.max_references, m.reference_max_bytes // 10**6) for m in (PRO, TWO, ONE)
    ]
    assert facts == [(8, 10_000, 8, 30), (5, 20_000, 14, 30), (3, 5_000, 10, 10)]
    assert [len(m.options["aspect_ratio"].choices) for m in (PRO, TWO, ONE)] == [11, 15, 11]


@pytest.mark.parametrize(
    ("model", "options"),
    [
        (PRO, {"aspect_ratio": "1:1", "resolution": "1K", "output_format": "png"}),
        (TWO, {"aspect_ratio": "auto", "resolution": "1K", "output_format": "jpg"}),
        (ONE, {"aspect_ratio": "1:1", "output_format": "png"}),
    ],
)
def test_defaults_are_filled_in(model: ModelSpec, options: dict[str, str]) -> None:
    assert model.check(prompt="a", options={}, reference_count=0) == options
    assert model.check(prompt="a", options={"resolution": None}, reference_count=0) == options
    for spec in model.options.values():
        assert spec.default in spec.choices


def test_the_body_is_the_contracts() -> None:
    options = PRO.check(prompt="grüße 🦝", options={"aspect_ratio": "16:9", "resolution": "4K"}, reference_count=1)
    reference = ReferenceUrl("https://r/1", "a.webp", "image/webp")
    body = PRO.body("grüße 🦝", options, [reference], "req-1")
    assert (
        body
        == (
            '{"model":"nano-banana-pro","prompt":"grüße 🦝","params":{"aspect_ratio":"16:9","resolution":"4K",'
            '"output_format":"png","referenceMediaItems":[{"url":"https://r/1","kind":"image","name":"a.webp",'
            '"mimeType":"image/webp"}]},"client_request_id":"req-1"}'
        ).encode()
    )
    assert PRO.body("grüße 🦝", dict(reversed(options.items())), [reference], "req-1") == body


def test_each_model_has_its_own_parameter_names() -> None:
    options = ONE.check(prompt="a", options={"aspect_ratio": "9:16", "output_format": "jpg"}, reference_count=0)
    params = json.loads(ONE.body("a", options, [], "r"))["params"]
    assert params == {"imageSize": "9:16", "output_format": "jpeg"}


@settings(max_examples=30, deadline=None)
@given(prompt=st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip))
def test_any_prompt_survives_the_body(prompt: str) -> None:
    body = PRO.body(prompt, PRO.check(prompt=prompt, options={}, reference_count=0), [], "r")
    assert json.loads(body)["prompt"] == prompt


def test_an_option_that_is_not_among_the_choices() -> None:
    error = refused(PRO, aspect_ratio="4:1")
    assert (error.option, error.value, error.allowed) == ("aspect_ratio", "4:1", PRO.options["aspect_ratio"].choices)
    assert error.user_message == (
        "Nano Banana Pro has no aspect ratio 4:1. It takes 1:1, 2:3, 3:2, 3:4, 4:3, 4:5, 5:4, 9:16, 16:9, 21:9, auto."
    )
    assert refused(PRO, output_format="").option == "output_format"


def test_an_option_that_the_model_does_not_have() -> None:
    error = refused(ONE, resolution="2K")
    assert (error.option, error.value, error.allowed) == ("resolution", "2K", ())
    assert error.user_message == "Nano Banana has no resolution to choose. Leave that option out."


def test_too_many_references() -> None:
    error = refused(PRO, references=9)
    assert (error.option, error.value) == ("references", "9")
    assert "at most 8" in error.user_message
    PRO.check(prompt="a", options={}, reference_count=8)


@pytest.mark.parametrize("prompt", ["", " \n\t"])
def test_an_empty_prompt(prompt: str) -> None:
    assert refused(PRO, prompt=prompt).option == "prompt"


def test_a_prompt_is_counted_in_characters() -> None:
    PRO.check(prompt="🦝" * 10_000, options={}, reference_count=0)
    error = refused(PRO, prompt="🦝" * 10_001)
    assert error.user_message == "The prompt has 10,001 characters. Nano Banana Pro takes at most 10,000."
    assert error.option == "prompt"


def test_a_prompt_with_half_a_character_is_refused_before_it_can_break_the_body() -> None:
    assert refused(PRO, prompt="a \ud83e panda").option == "prompt"


def test_an_unknown_model() -> None:
    with pytest.raises(BadOption) as caught:
        Catalogue().get("dall-e")
    assert caught.value.allowed == ("nano-banana-pro", "nano-banana-2", "nano-banana")
    assert "Nano Banana Pro, Nano Banana 2, Nano Banana" in caught.value.user_message


def info(model: str, price: int | None = None, limit: int | None = None, status: str = "available") -> ModelInfo:
    return ModelInfo(id=model, base_credits=price, max_prompt_length=limit, api_status=status)


def test_refresh_takes_over_what_makes_sense() -> None:
    catalogue = Catalogue()
    catalogue.refresh([info("nano-banana-pro", 9, 12_000), info("z-image", 1), info("nano-banana-2", None, 0, "")])
    assert catalogue.get("nano-banana-pro").base_credits == 9
    assert catalogue.get("nano-banana-pro").prompt_max_chars == 12_000
    assert catalogue.get("nano-banana-2") == TWO
    assert len(catalogue.available()) == 3


def test_a_closed_model_can_still_be_looked_up() -> None:
    catalogue = Catalogue()
    catalogue.refresh([info("nano-banana-pro", status="coming_soon")])
    assert [model.id for model in catalogue.available()] == ["nano-banana-2", "nano-banana"]
    assert catalogue.default is not PRO
    assert catalogue.get("nano-banana-pro") == PRO
    catalogue.refresh([])
    assert len(catalogue.available()) == 2
    catalogue.refresh([info("nano-banana-pro")])
    assert catalogue.default == PRO
    catalogue.refresh([info(m, status="studio_only") for m in ("nano-banana-pro", "nano-banana-2", "nano-banana")])
    assert catalogue.available() == []
    assert catalogue.default == PRO


def test_a_price_is_learned_at_once_for_its_resolution_only() -> None:
    catalogue = Catalogue()
    assert catalogue.price_credits("nano-banana-pro", "4K") == 8
    assert catalogue.learn_price("nano-banana-pro", "4K", 16)
    assert not catalogue.learn_price("nano-banana-pro", "4K", 16)
    assert not catalogue.learn_price("nano-banana-pro", "1K", 8)
    assert not catalogue.learn_price("nano-banana-pro", "2K", 0)
    assert not catalogue.learn_price("gone", None, 3)
    assert catalogue.learn_price("nano-banana", None, 4)
    assert catalogue.has_learned("nano-banana-pro", "4K")
    assert not catalogue.has_learned("nano-banana-pro", "2K")
    prices = [catalogue.price_credits("nano-banana-pro", r) for r in ("1K", "2K", "4K")]
    assert prices == [8, 8, 16]
    assert catalogue.price_credits("nano-banana", None) == 4


def test_what_was_learned_lives_over_a_restart_until_the_page_changes() -> None:
    before = Catalogue()
    before.refresh([info("nano-banana-pro", 10)])
    before.learn_price("nano-banana-pro", "4K", 20)
    assert before.learned() == (LearnedPrice("nano-banana-pro", "4K", 20, 10),)

    after = Catalogue()
    after.restore([*before.learned(), LearnedPrice("gone", None, 1, 1)])
    assert after.price_credits("nano-banana-pro", "4K") == 20
    after.refresh([info("nano-banana-2", 6), info("nano-banana-pro", 10)])
    assert after.price_credits("nano-banana-pro", "4K") == 20
    after.refresh([info("nano-banana-pro", 12)])
    assert after.price_credits("nano-banana-pro", "4K") == 12
    assert after.learned() == ()


def test_a_price_beyond_all_reason_is_believed_when_a_second_request_says_so() -> None:
    catalogue = Catalogue()
    assert not catalogue.learn_price("nano-banana-pro", "1K", 8000, said_by="one")
    assert not catalogue.learn_price("nano-banana-pro", "1K", 8000, said_by="one"), "its second picture"
    assert catalogue.price_credits("nano-banana-pro", "1K") == 8
    assert catalogue.doubted_credits("nano-banana-pro", "1K") == 8000
    assert not catalogue.has_learned("nano-banana-pro", "1K")
    assert not catalogue.learn_price("nano-banana-pro", "4K", 41, said_by="two"), "of another size"

    assert not catalogue.learn_price("nano-banana-pro", "1K", 8, said_by="three"), "it was a mistake"
    assert catalogue.doubted_credits("nano-banana-pro", "1K") is None
    assert not catalogue.learn_price("nano-banana-pro", "1K", 48, said_by="four")
    assert catalogue.learn_price("nano-banana-pro", "1K", 50, said_by="five")
    assert catalogue.price_credits("nano-banana-pro", "1K") == 48
    assert catalogue.doubted_credits("nano-banana-pro", "1K") is None
    assert not catalogue.learn_price("nano-banana-pro", "1K", 48, said_by="six")
    assert catalogue.learn_price("nano-banana-pro", "1K", 40, said_by="seven")


@pytest.mark.parametrize("restart", [False, True])
def test_a_price_beyond_all_reason_can_be_put_right_again(restart: bool) -> None:
    catalogue = Catalogue()
    catalogue.learn_price("nano-banana-pro", "1K", 8000, said_by="one")
    assert catalogue.learn_price("nano-banana-pro", "1K", 8000, said_by="two")
    if restart:
        before, catalogue = catalogue, Catalogue()
        catalogue.restore(before.learned())
    else:
        catalogue.refresh([info("nano-banana-pro", 8)])
    assert catalogue.price_credits("nano-banana-pro", "1K") == 8
    assert catalogue.learn_price("nano-banana-pro", "1K", 8000, said_by="three"), "it was none"
    catalogue.refresh([info("nano-banana-pro", 8)])
    assert not catalogue.learn_price("nano-banana-pro", "1K", 8, said_by="four")
    catalogue.refresh([info("nano-banana-pro", 8)])
    assert catalogue.price_credits("nano-banana-pro", "1K") == 8
    assert catalogue.doubted_credits("nano-banana-pro", "1K") is None
