"""The card that asks before much is spent, and what becomes of it."""

from __future__ import annotations

import discord
from discord import ui

from bot.generations.values import GenerationRequest, Quote
from bot.ui import ids
from bot.ui.card import SLATE, Card, button, fine, row
from bot.ui.offers import paint_words
from bot.ui.refusal import Mend
from bot.ui.text import label, plain
from bot.ui.words import NOTHING_CHARGED, counted, grouped, in_credits, options_line, relative

_PROMPT_LIMIT = 200
_NOTHING_HELD = "Nothing is on hold until you agree. This stands for 15 minutes."


def confirm_card(
    request: GenerationRequest,
    quote: Quote,
    *,
    model_label: str,
    draft_id: str,
    agree_id: str,
    instead: Mend | None = None,
    before_credits: int | None = None,
) -> Card:
    """Return what a request costs and would leave, with [Paint it] [something cheaper] [Not now].

    ``agree_id``: the custom id of what is pressed to agree.
    ``before_credits`` is the price that was named before, where it has risen since.
    """
    cost = quote.cost_credits
    if before_credits is None:
        headline = f"**This costs {in_credits(cost)}.**"
    else:
        headline = f"**The price has changed: this costs {in_credits(cost)} now**, not {grouped(before_credits)}."
    return Card(
        SLATE,
        f"{headline} {_left(quote)}",
        fine(plain(request.prompt, _PROMPT_LIMIT), _asked(request, model_label), _NOTHING_HELD),
        row(
            button(
                paint_words(request.count, cost),
                agree_id,
                style=discord.ButtonStyle.primary,
            ),
            button(label(instead.label, 80), instead.custom_id) if instead is not None else None,
            button("Not now", ids.not_now(draft_id)),
        ),
    )


def moved_card(channel_id: int, jump_url: str) -> Card:
    """Return what stands in an offer's place once its picture is painted in another channel."""
    return Card(
        SLATE,
        f"**It is being painted in <#{channel_id}>.**",
        ui.ActionRow(ui.Button(label="Go there", style=discord.ButtonStyle.link, url=jump_url)),
    )


def not_now_card(request: GenerationRequest) -> Card:
    """Return what stands in an offer's place after [Not now]; the prompt can still be copied."""
    return Card(SLATE, f"**Not painted.** {NOTHING_CHARGED}", fine(plain(request.prompt, _PROMPT_LIMIT)))


def _left(quote: Quote) -> str:
    left, balance = quote.left_credits, quote.balance
    if left is None:
        return "You have no limit."
    whose = "of the" if balance.is_capped else "of your"
    shared = " that all have together here" if balance.is_capped else ""
    new_ones = f"; new ones come {relative(balance.renewed_at_ms)}" if balance.allowance_credits or shared else ""
    return f"{grouped(left)} {whose} {grouped(balance.left_credits or 0)}{shared} would be left{new_ones}."


def _asked(request: GenerationRequest, model_label: str) -> str:
    parts = [plain(model_label, 40), *options_line(request.options)]
    if request.references:
        parts.append(counted(len(request.references), "reference"))
    parts.append(counted(request.count, "picture"))
    return " · ".join(parts)
