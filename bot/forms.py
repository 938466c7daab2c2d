"""The form over images that were found somewhere: opened over a draft that holds them, and what comes of sending it."""

from __future__ import annotations

import re
from typing import Final

from bot.asks import InteractionAsk, payer_guild_id
from bot.client import CannotDo, Interaction, Services, asking
from bot.gathering import Gathered, made_of
from bot.generations.defaults import FOLLOWS_REFERENCE, with_usual
from bot.generations.values import GenerationRequest
from bot.intake import Intake
from bot.presses import Submitted
from bot.ui import ids
from bot.ui.found import sentences
from bot.ui.modals import filled, reference_form, terms_of

FORM_LIFE_S: Final = 20 * 3600
"""A form may stay open for long, and what was typed must not be lost; addresses of attachments live about a day."""


async def open_form(interaction: Interaction, services: Services, gathered: Gathered) -> None:
    """Show the form; the images wait in a draft, those that the model can't take as well are named."""
    asking(interaction)
    usual = await services.preferences.of(interaction.user.id)
    empty = GenerationRequest(
        prompt="", parent=gathered.parent, private=usual.private or False, notify=usual.notify or False
    )
    house = await services.house.rules(payer_guild_id(interaction))
    request = with_usual(empty, usual, services.catalogue, house)
    terms = terms_of(services.catalogue, request.model)
    gathered = made_of(gathered.at_most(terms.max_references))
    ratio = request.options.get("aspect_ratio", FOLLOWS_REFERENCE)
    request = request.model_copy(update={"references": gathered.images, "parent": gathered.parent})
    draft_id = await services.generations.keep_draft(
        request, user_id=interaction.user.id, guild_id=payer_guild_id(interaction), life_s=FORM_LIFE_S
    )
    form = reference_form(
        ids.take_form(draft_id),
        terms,
        named=[image.filename for image in gathered.images],
        options={**request.options, "aspect_ratio": ratio},
        left_out=sentences([item.sentence for item in gathered.unusable]),
    )
    await interaction.response.send_modal(form)


async def form_sent(
    interaction: Interaction, match: re.Match[str], submitted: Submitted, *, services: Services, intake: Intake
) -> None:
    """Ask for the picture; the same form twice is one request."""
    asking(interaction)
    form = filled(submitted)
    draft = await services.generations.draft(match["draft_id"])
    if draft is None or draft.expired:
        raise CannotDo(user_message="This form was open for too long. Choose the message once more.")
    if draft.user_id != interaction.user.id:
        raise CannotDo(user_message="Only whoever opened this form can send it.")
    kept = draft.request

    async def prepare() -> GenerationRequest:
        together = made_of(Gathered((*kept.references, *form.images), parent=kept.parent))
        return kept.model_copy(
            update={
                "prompt": form.prompt,
                "options": {**kept.options, **form.options},
                "references": together.images,
                "parent": together.parent,
            }
        )

    await intake.take(
        InteractionAsk(interaction, draft_id=draft.id),
        prepare,
        private=kept.private,
        agreed_credits=form.agreed_credits,
    )
