"""Fills in what a person usually wants where they chose nothing."""

from __future__ import annotations

from typing import Final

from bot.generations.house_rules import HouseRules
from bot.generations.preferences import Preferences
from bot.generations.values import GenerationRequest
from bot.rivya import BadOption, Catalogue

FOLLOWS_REFERENCE: Final = "auto"
"""The aspect ratio of the first reference, says the service's page on each model."""


def with_usual(
    request: GenerationRequest, preferences: Preferences, catalogue: Catalogue, house: HouseRules
) -> GenerationRequest:
    """Return ``request`` with the person's usual model and options, as far as they can be had.

    Nothing of that is ever a reason to refuse it: a usual model that is closed now or not used in this server, or a
    usual value that the model does not take, is left out; the server's usual model comes after one's own. What is made
    of a picture keeps its shape unless another was chosen.
    """
    model = request.model
    if model is None:
        mine = preferences.model in {spec.id for spec in house.models_of(catalogue)}
        model = preferences.model if mine else house.usual_model(catalogue)
    try:
        spec = catalogue.open_model(model)
    except BadOption:
        return request
    usual = preferences.options
    if request.parent is not None and request.parent.position is not None:
        usual["aspect_ratio"] = FOLLOWS_REFERENCE
    fitting = {
        name: value for name, value in usual.items() if name in spec.options and value in spec.options[name].choices
    }
    return request.model_copy(update={"model": model, "options": {**fitting, **request.options}})
