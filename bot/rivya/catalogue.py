"""What each image model takes and costs, as data.

The numbers are those of the service's pages on each model (reviewed May 2026). A price on a page is an estimate: the
answers to real requests say what is taken, and :meth:`Catalogue.learn_price` puts that in its place at once, where it
is believable. One wrong number would else shut a model for everybody, and for good: nobody can afford the picture
whose answer would put it right.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from bot.errors import BotError
from bot.rivya.schemas import ModelInfo

MEGABYTE = 1_000_000
"""The pages say "MB" without saying which; this is the smaller reading."""
PLAUSIBLE_TIMES = 5
"""The page's price is that of the smallest picture; the largest are said to take three times as much. More than five
times is believed only when a second request says so."""
REFERENCE_MIMES = ("image/jpeg", "image/png", "image/webp")


class BadOption(BotError):
    """A model can't take what was asked of it.

    ``option`` is our name of it, ``value`` what was asked, ``allowed`` what the model takes.
    """

    code = "bad_option"

    def __init__(self, option: str, value: str, allowed: Sequence[str], sentence: str) -> None:
        super().__init__(f"{option}={value[:40]!r}", user_message=sentence)
        self.option = option
        self.value = value
        self.allowed = tuple(allowed)


@dataclass(frozen=True)
class OptionSpec:
    """One option of a model: the service's name for it, our words for its values, the default.

    ``translate`` holds the values that the service calls differently.
    """

    param: str
    choices: tuple[str, ...]
    default: str
    translate: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def wire(self, value: str) -> str:
        """Return what the service calls ``value``."""
        return self.translate.get(value, value)


@dataclass(frozen=True)
class ReferenceUrl:
    """An uploaded reference image: its address as the service gave it, the name the person gave it, its type."""

    url: str
    name: str
    mime: str


@dataclass(frozen=True)
class ModelSpec:
    """One model: what it takes, and what the page says it costs (credits for one picture)."""

    id: str
    label: str
    base_credits: int
    prompt_max_chars: int
    options: Mapping[str, OptionSpec]
    max_references: int
    reference_max_bytes: int
    reference_mimes: tuple[str, ...] = REFERENCE_MIMES

    def check(self, *, prompt: str, options: Mapping[str, str | None], reference_count: int) -> dict[str, str]:
        """Return the complete options, defaults filled in where a value is missing or None.

        Raises ``BadOption`` for the first thing that the model can't take. Characters are Unicode code points.
        """
        self._check_prompt(prompt)
        if reference_count > self.max_references:
            raise BadOption(
                "references",
                str(reference_count),
                [f"at most {self.max_references}"],
                f"{self.label} takes at most {self.max_references} reference images, not {reference_count}.",
            )
        for name, value in options.items():
            if value is not None:
                self._check_option(name, value)
        return {name: options.get(name) or spec.default for name, spec in self.options.items()}

    def body(
        self, prompt: str, options: Mapping[str, str], references: Sequence[ReferenceUrl], client_request_id: str
    ) -> bytes:
        """Return the body of a create call: compact UTF-8 JSON, the same bytes for the same arguments.

        ``options`` are those that ``check`` returned.
        """
        params: dict[str, Any] = {
            spec.param: spec.wire(options.get(name, spec.default)) for name, spec in self.options.items()
        }
        if references:
            params["referenceMediaItems"] = [
                {"url": item.url, "kind": "image", "name": item.name, "mimeType": item.mime} for item in references
            ]
        body = {"model": self.id, "prompt": prompt, "params": params, "client_request_id": client_request_id}
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()

    def _check_prompt(self, prompt: str) -> None:
        if not prompt.strip():
            raise BadOption("prompt", "", ["some words"], "The prompt is empty. Say what to paint.")
        if len(prompt) > self.prompt_max_chars:
            raise BadOption(
                "prompt",
                str(len(prompt)),
                [f"at most {self.prompt_max_chars} characters"],
                f"The prompt has {len(prompt):,} characters. {self.label} takes at most {self.prompt_max_chars:,}.",
            )
        if any("\ud800" <= char <= "\udfff" for char in prompt):
            raise BadOption(
                "prompt", "half a character", ["whole characters"], "The prompt has a broken character in it."
            )

    def _check_option(self, name: str, value: str) -> None:
        words = name.replace("_", " ")
        spec = self.options.get(name)
        if spec is None:
            raise BadOption(name, value, [], f"{self.label} has no {words} to choose. Leave that option out.")
        if value not in spec.choices:
            allowed = ", ".join(spec.choices)
            raise BadOption(name, value, spec.choices, f"{self.label} has no {words} {value[:40]}. It takes {allowed}.")


@dataclass(frozen=True)
class LearnedPrice:
    """What one picture really cost, beside the price that the page gave then (both in credits)."""

    model: str
    resolution: str | None
    credits: int
    base_credits: int


@dataclass(frozen=True)
class _Doubt:
    """A price beyond what is plausible, and which request said so; None: one of before."""

    credits: int
    said_by: str | None


_PRO_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9", "auto")
_2_RATIOS = (
    "auto", "1:1", "16:9", "9:16", "3:2", "2:3", "4:3", "3:4", "5:4", "4:5", "21:9",
    "4:1", "1:4", "8:1", "1:8",
)  # fmt: skip
_FIRST_RATIOS = ("1:1", "9:16", "16:9", "3:4", "4:3", "3:2", "2:3", "5:4", "4:5", "21:9", "auto")
_SIZES = OptionSpec("resolution", ("1K", "2K", "4K"), "1K")

NANO_BANANA_PRO = ModelSpec(
    id="nano-banana-pro",
    label="Nano Banana Pro",
    base_credits=8,
    prompt_max_chars=10_000,
    options=MappingProxyType(
        {
            "aspect_ratio": OptionSpec("aspect_ratio", _PRO_RATIOS, "1:1"),
            "resolution": _SIZES,
            "output_format": OptionSpec("output_format", ("png", "jpg"), "png"),
        }
    ),
    max_references=8,
    reference_max_bytes=30 * MEGABYTE,
)
NANO_BANANA_2 = ModelSpec(
    id="nano-banana-2",
    label="Nano Banana 2",
    base_credits=5,
    prompt_max_chars=20_000,
    options=MappingProxyType(
        {
            "aspect_ratio": OptionSpec("aspect_ratio", _2_RATIOS, "auto"),
            "resolution": _SIZES,
            "output_format": OptionSpec("output_format", ("jpg", "png"), "jpg"),
        }
    ),
    max_references=14,
    reference_max_bytes=30 * MEGABYTE,
)
NANO_BANANA = ModelSpec(
    id="nano-banana",
    label="Nano Banana",
    base_credits=3,
    prompt_max_chars=5_000,
    options=MappingProxyType(
        {
            "aspect_ratio": OptionSpec("imageSize", _FIRST_RATIOS, "1:1"),
            "output_format": OptionSpec(
                "output_format", ("png", "jpg"), "png", translate=MappingProxyType({"jpg": "jpeg"})
            ),
        }
    ),
    max_references=10,
    reference_max_bytes=10 * MEGABYTE,
)
MODELS = (NANO_BANANA_PRO, NANO_BANANA_2, NANO_BANANA)


class Catalogue:
    """The models that the bot knows, with today's prices. Starts from ``models``, the first being the default."""

    def __init__(self, models: Sequence[ModelSpec] = MODELS) -> None:
        self._models = {model.id: model for model in models}
        self._closed: set[str] = set()
        self._learned: dict[tuple[str, str | None], LearnedPrice] = {}
        self._doubts: dict[tuple[str, str | None], _Doubt] = {}

    @property
    def default(self) -> ModelSpec:
        """The first model, or the first available one while that is closed."""
        return next(iter(self.available()), next(iter(self._models.values())))

    def get(self, model_id: str) -> ModelSpec:
        """Return a model, also one that is closed right now (requests in flight need it).

        Raises ``BadOption`` when the bot does not know it.
        """
        try:
            return self._models[model_id]
        except KeyError:
            labels = [model.label for model in self.available()]
            ids = [model.id for model in self.available()]
            sentence = f"I don't know the model {model_id[:40]}. There is {', '.join(labels)}."
            raise BadOption("model", model_id, ids, sentence) from None

    def open_model(self, model_id: str | None) -> ModelSpec:
        """Return the model that is asked for, the first when None; raises ``BadOption`` when it can't be had now."""
        spec = self.get(model_id or next(iter(self._models)))
        if spec.id in self._closed:
            others = self.available()
            instead = f" There is {', '.join(model.label for model in others)}." if others else ""
            sentence = f"{spec.label} is closed at the image service right now.{instead}"
            raise BadOption("model", spec.id, [model.id for model in others], sentence)
        return spec

    def available(self) -> list[ModelSpec]:
        """Return the models that can be asked for now, the default first."""
        return [model for model in self._models.values() if model.id not in self._closed]

    def refresh(self, models: Iterable[ModelInfo]) -> None:
        """Take over price, prompt limit and availability from the service's list.

        Models that the bot does not know are ignored, those that the list leaves out stay as they are, and a field
        that is missing or makes no sense changes nothing. A new page price ends what was learned under the old one.

        What was learned beyond the plausible must be said once more after each reading of the list (every six hours):
        until then the page's price holds, and if it was wrong, the next answer says so.
        """
        for info in models:
            known = self._models.get(info.id)
            if known is None:
                continue
            price = _positive_or(info.base_credits, known.base_credits)
            limit = _positive_or(info.max_prompt_length, known.prompt_max_chars)
            self._models[info.id] = replace(known, base_credits=price, prompt_max_chars=limit)
            self._learned = {
                key: learned
                for key, learned in self._learned.items()
                if learned.model != info.id or learned.base_credits == price
            }
            self._doubt_again(info.id)
            if info.api_status == "available":
                self._closed.discard(info.id)
            elif info.api_status:
                self._closed.add(info.id)

    def price_credits(self, model_id: str, resolution: str | None) -> int:
        """Return what one picture is expected to cost: as learned, else as the page says."""
        learned = self._learned.get((model_id, resolution))
        return learned.credits if learned else self.get(model_id).base_credits

    def prices(self, model_id: str) -> dict[str, int]:
        """Return what one picture costs by resolution ("" where there is none to choose); {} while it can't be had."""
        spec = self._models.get(model_id)
        if spec is None or spec.id in self._closed:
            return {}
        sizes = spec.options["resolution"].choices if "resolution" in spec.options else ("",)
        return {size: self.price_credits(spec.id, size or None) for size in sizes}

    def learn_price(self, model_id: str, resolution: str | None, credits_taken: int, *, said_by: str = "") -> bool:
        """Note what an answer said a picture costs; return whether that changed the price.

        Nought is not taken for a price: it may just mean that nothing was said yet. More than ``PLAUSIBLE_TIMES`` the
        page's price is only noted (see ``doubted_credits``) until another request (``said_by``) says more than that,
        too; then the lower of the two is the price.
        """
        if credits_taken <= 0 or model_id not in self._models:
            return False
        key, before = (model_id, resolution), self.price_credits(model_id, resolution)
        if not self.is_plausible(model_id, credits_taken) and credits_taken != before:
            doubt = self._doubts.get(key)
            if doubt is None or doubt.said_by == said_by:
                self._doubts[key] = _Doubt(credits_taken, said_by)
                return False
            credits_taken = min(credits_taken, doubt.credits)
        self._doubts.pop(key, None)
        base = self._models[model_id].base_credits
        self._learned[key] = LearnedPrice(model_id, resolution, credits_taken, base)
        return credits_taken != before

    def is_plausible(self, model_id: str, credits_taken: int) -> bool:
        """Tell whether one answer is enough to believe that a picture costs this."""
        return credits_taken <= PLAUSIBLE_TIMES * self.get(model_id).base_credits

    def doubted_credits(self, model_id: str, resolution: str | None) -> int | None:
        """Return the price that was said and is not believed yet; None: there is none."""
        doubt = self._doubts.get((model_id, resolution))
        return doubt.credits if doubt is not None else None

    def has_learned(self, model_id: str, resolution: str | None) -> bool:
        """Tell whether an answer has said what this costs."""
        return (model_id, resolution) in self._learned

    def learned(self) -> tuple[LearnedPrice, ...]:
        """Return what was learned, to be kept over a restart."""
        return tuple(self._learned.values())

    def restore(self, learned: Iterable[LearnedPrice]) -> None:
        """Take back what ``learned`` returned before the restart; call it before the first ``refresh``.

        What is beyond the plausible must be said once more.
        """
        for price in learned:
            if price.model in self._models:
                self._learned[price.model, price.resolution] = price
        for model_id in self._models:
            self._doubt_again(model_id)

    def _doubt_again(self, model_id: str) -> None:
        for key, price in tuple(self._learned.items()):
            if price.model == model_id and not self.is_plausible(model_id, price.credits):
                del self._learned[key]
                self._doubts[key] = _Doubt(price.credits, None)


def _positive_or(value: int | None, otherwise: int) -> int:
    return value if value is not None and value > 0 else otherwise
