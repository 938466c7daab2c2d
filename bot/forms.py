"""Forms over drafts: of images that were found somewhere, of a prompt to be changed; and what comes of sending them."""

from __future__ import annotations

import io
import re
from typing import Final

import discord

from bot.asks import InteractionAsk
from bot.client import CannotDo, Interaction, Services, asking, say
from bot.gathering import Gathered, made_of
from bot.generations.defaults import FOLLOWS_REFERENCE, with_usual
from bot.generations.terms import blocked_in
from bot.generations.values import Derived, GenerationRequest, Parent
from bot.intake import Intake, clear_away
from bot.origins import payer_guild_id
from bot.presses import Submitted
from bot.ui import ids
from bot.ui.details import PROMPT_FILE
from bot.ui.found import sentences, too_long_card
from bot.ui.modals import INPUT_MAX, filled, reference_form, rewrite_form, terms_of
from bot.ui.text import units

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


async def open_rewrite(interaction: Interaction, services: Services, intake: Intake, draft_id: str) -> None:
    """Show the form of a refused request with everything in it; what no form has room for is given as a file."""
    asking(interaction)
    draft = await intake.offered(interaction, draft_id)
    if draft.request_id is not None:
        raise CannotDo(user_message="You have changed this prompt already, and its picture was asked for.")
    request = draft.request
    if units(request.prompt) > INPUT_MAX:
        file = discord.File(io.BytesIO(request.prompt.encode("utf-8", "replace")), PROMPT_FILE)
        await say(interaction, view=too_long_card(PROMPT_FILE, len(request.prompt)), files=[file])
        return
    house = await services.house.rules(payer_guild_id(interaction))
    form = rewrite_form(
        ids.rewrite_form(draft_id),
        request,
        terms_of(services.catalogue, request.model),
        blocked=blocked_in(request.prompt, house.terms),
    )
    await interaction.response.send_modal(form)


async def form_sent(
    interaction: Interaction, match: re.Match[str], submitted: Submitted, *, services: Services, intake: Intake
) -> None:
    """Ask for the picture of a form over found images, or of a changed prompt; the same form twice is one request."""
    asking(interaction)
    form = filled(submitted)
    rewritten = match.re is ids.REWRITE_FORM  # what was refused, with another prompt
    draft = await services.generations.draft(match["draft_id"])
    if draft is None or draft.expired:
        raise CannotDo(user_message="This form was open for too long. Choose the message once more.")
    if draft.user_id != interaction.user.id:
        raise CannotDo(user_message="Only whoever opened this form can send it.")
    kept = draft.request

    async def prepare() -> GenerationRequest:
        changed = {"prompt": form.prompt, "options": {**kept.options, **form.options}}
        if rewritten:
            count = form.count if form.count is not None else kept.count
            return kept.model_copy(update={**changed, "count": count, "parent": _rewritten(kept)})
        together = made_of(Gathered((*kept.references, *form.images), parent=kept.parent))
        return kept.model_copy(update={**changed, "references": together.images, "parent": together.parent})

    taken = await intake.take(
        InteractionAsk(interaction, draft_id=draft.id),
        prepare,
        private=kept.private,
        named_credits=form.named_credits,
    )
    if taken and rewritten:
        await clear_away(interaction)


def _rewritten(request: GenerationRequest) -> Parent | None:
    """Return how a request comes of its parent when its prompt is changed: it is no longer the same again."""
    parent = request.parent
    if parent is None or parent.derived_as not in {Derived.AGAIN, Derived.VARIATIONS}:
        return parent
    return parent.model_copy(update={"derived_as": Derived.REMIX})
