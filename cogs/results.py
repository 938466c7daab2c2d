"""What can be made of a result: Again, Edit, Remix, and what stands under More."""

from __future__ import annotations

import io
import re
from collections.abc import Awaitable, Callable

import discord
from discord.ext import commands

from bot.asks import InteractionAsk
from bot.client import BotClient, CannotDo, Interaction, asking, say
from bot.exhibiting import Exhibiting
from bot.generations.files import kept
from bot.generations.lineage import derive, picture_image
from bot.generations.previews import previews_of
from bot.generations.values import Derived, GenerationRequest, PictureView, RequestView
from bot.intake import Intake
from bot.presses import Submitted, on_choice, on_press, on_submit
from bot.removing import Removing
from bot.replies import show_pictures
from bot.rights import Viewer, seen_here
from bot.ui import ids, moderation_ids
from bot.ui.actions import Action, Choice, larger_sizes, which_card
from bot.ui.details import PROMPT_FILE, details_card, maker_card, whole_prompt
from bot.ui.history import preview_text
from bot.ui.modals import Filled, edit_form, filled, reference_form, remix_form, terms_of
from bot.ui.removal import kept_card
from bot.ui.result import full_card
from bot.ui.tray import added_card

_NOBODY = discord.AllowedMentions.none()
_GONE = "This picture is no longer kept."

Make = Callable[[RequestView], GenerationRequest]


class Results(commands.Cog):
    """Every press is checked by what the rows say then: who presses, where, and whether the picture may be used."""

    def __init__(self, client: BotClient) -> None:
        self._services = client.services
        self._generations = client.services.generations
        self._intake = Intake(client)
        self.removing = Removing(client)
        self._exhibiting = Exhibiting(client)

    async def _seen(self, interaction: Interaction, request_id: str) -> RequestView:
        return seen_here(await self._generations.view(request_id), interaction)

    # --- a new picture ---

    async def _take(
        self, interaction: Interaction, view: RequestView, make: Make, *, named_credits: int | None = None
    ) -> None:
        """Ask for what ``make`` makes of a result; it is private where the result is."""

        async def prepare() -> GenerationRequest:
            # Looked at once more: preparing may have waited.
            fresh = await self._seen(interaction, view.id)
            try:
                request = make(fresh)
            except LookupError as error:
                raise CannotDo(user_message=_GONE) from error
            return request.model_copy(
                update={"private": view.private, "notify": view.notify and _mine(view, interaction)}
            )

        await self._intake.take(InteractionAsk(interaction), prepare, private=view.private, named_credits=named_credits)

    async def again_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Ask for the same once more."""
        asking(interaction)
        view = await self._seen(interaction, match["request_id"])
        await self._take(interaction, view, lambda fresh: derive(fresh, Derived.AGAIN))

    async def edit_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Open the form of Edit."""
        asking(interaction)
        view = await self._seen(interaction, match["request_id"])
        position = _position(match)
        self._one_of(view, position)
        terms = terms_of(self._services.catalogue, view.model)
        await interaction.response.send_modal(edit_form(view, terms, position=position))

    async def edit_sent(self, interaction: Interaction, match: re.Match[str], submitted: Submitted) -> None:
        """Ask for the changed picture."""
        asking(interaction)
        view = await self._seen(interaction, match["request_id"])
        form = filled(submitted)
        position = _position(match) or next(iter(form.positions), None)

        def make(fresh: RequestView) -> GenerationRequest:
            return derive(
                fresh, Derived.EDIT, position=position, prompt=form.prompt, options=form.options, more=form.images
            )

        await self._take(interaction, view, make, named_credits=form.named_credits)

    async def remix_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Open the form of Remix."""
        asking(interaction)
        view = await self._seen(interaction, match["request_id"])
        await interaction.response.send_modal(remix_form(view, terms_of(self._services.catalogue, view.model)))

    async def remix_sent(self, interaction: Interaction, match: re.Match[str], submitted: Submitted) -> None:
        """Ask for the remix; a prompt that was too long for the form is kept when nothing was written."""
        asking(interaction)
        view = await self._seen(interaction, match["request_id"])
        form = filled(submitted)

        def make(fresh: RequestView) -> GenerationRequest:
            return derive(
                fresh, Derived.REMIX, prompt=form.prompt or fresh.prompt, options=form.options, count=form.count
            )

        await self._take(interaction, view, make, named_credits=form.named_credits)

    async def reference_sent(self, interaction: Interaction, match: re.Match[str], submitted: Submitted) -> None:
        """Ask for a new picture with this one, or several of it, as the first references."""
        asking(interaction)
        view = await self._seen(interaction, match["request_id"])
        form = filled(submitted)
        await self._take(
            interaction,
            view,
            lambda fresh: self._referring(fresh, _position(match), form),
            named_credits=form.named_credits,
        )

    def _referring(self, view: RequestView, position: int | None, form: Filled) -> GenerationRequest:
        first, *others = (position,) if position is not None else form.positions or (None,)
        pictures = [picture_image(view, self._one_of(view, other)) for other in others]
        return derive(
            view,
            Derived.REFERENCE,
            position=first,
            prompt=form.prompt,
            options=form.options,
            more=[*pictures, *form.images],
        )

    def _one_of(self, view: RequestView, position: int | None) -> PictureView:
        found = [picture for picture in kept(self._services.store, view) if position in {None, picture.position}]
        if not found:
            raise CannotDo(user_message=_GONE)
        return found[0]

    # --- More ---

    async def more_chosen(self, interaction: Interaction, match: re.Match[str], values: list[str]) -> None:
        """Do one of the rarer things, or ask for which picture it is meant."""
        choice = _choice(values)
        if choice.action in _ASKS:
            asking(interaction)
        view = await self._seen_or_removable(interaction, match["request_id"], values)
        position = _position(match)
        if choice.action in _OF_ONE_PICTURE:
            pictures = kept(self._services.store, view)
            if not pictures:
                raise CannotDo(user_message=_GONE)
            if position is None and len(pictures) > 1:
                await say(interaction, view=which_card(view, choice, tray=choice.action is Action.TRAY))
                return
            await self._do_with(interaction, view, choice, [position or pictures[0].position])
            return
        doing = {
            Action.VARIATIONS: self._vary,
            Action.REFERENCE: self._open_reference,
            Action.DETAILS: self._show_details,
            Action.MAKER: self._tell_maker,
            Action.REPORT: self._report,
            Action.DELETE: self._delete,
        }[choice.action]
        await doing(interaction, view, choice, position)

    async def _seen_or_removable(self, interaction: Interaction, request_id: str, values: list[str]) -> RequestView:
        """Return the view; Delete has a rule of its own, also for what was removed and still stands somewhere."""
        view = await self._generations.view(request_id)
        if view is not None and values == [Action.DELETE]:
            return view
        return seen_here(view, interaction)

    async def picked(self, interaction: Interaction, match: re.Match[str], values: list[str]) -> None:
        """Go on with the picture that was asked for."""
        choice = _choice([match["action"]])
        if choice.action in _ASKS:
            asking(interaction)
        view = await self._seen(interaction, match["request_id"])
        await self._do_with(interaction, view, choice, [int(value) for value in values])

    async def _do_with(self, interaction: Interaction, view: RequestView, choice: Choice, positions: list[int]) -> None:
        match choice.action:
            case Action.FULL:
                await self._full(interaction, view.id, positions[0])
            case Action.LARGER:
                await self._enlarge(interaction, view, choice, positions[0])
            case Action.TRAY:
                await self._collect(interaction, view, positions)
            case Action.GALLERY:
                await self._exhibiting.post(interaction, view, positions[0])
            case _:
                raise CannotDo(user_message=_TOO_OLD)

    async def _enlarge(self, interaction: Interaction, view: RequestView, choice: Choice, position: int) -> None:
        if choice.size not in larger_sizes(view):
            raise CannotDo(user_message=f"{view.model_label} has no {choice.size} above what this picture is.")
        size = choice.size

        def make(fresh: RequestView) -> GenerationRequest:
            return derive(fresh, Derived.LARGER, position=position, options={"resolution": size}, count=1)

        await self._take(interaction, view, make, named_credits=choice.named_credits)

    async def _collect(self, interaction: Interaction, view: RequestView, positions: list[int]) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        images = [picture_image(view, self._one_of(view, position)) for position in positions]
        added = await self._services.tray.add(
            images, user_id=interaction.user.id, guild_id=interaction.guild_id, channel_id=interaction.channel_id
        )
        await interaction.edit_original_response(view=added_card(added), allowed_mentions=_NOBODY)

    async def _vary(self, interaction: Interaction, view: RequestView, choice: Choice, _position: int | None) -> None:
        await self._take(
            interaction, view, lambda fresh: derive(fresh, Derived.VARIATIONS), named_credits=choice.named_credits
        )

    async def _open_reference(
        self, interaction: Interaction, view: RequestView, _choice: Choice, position: int | None
    ) -> None:
        pictures = [one for one in kept(self._services.store, view) if position in {None, one.position}]
        if not pictures:
            raise CannotDo(user_message=_GONE)
        several = len(pictures) > 1
        form = reference_form(
            ids.reference_form(view.id, None if several else pictures[0].position),
            terms_of(self._services.catalogue, view.model),
            named=[] if several else [picture_image(view, pictures[0]).filename],
            options=view.options,
            pictures=pictures if several else [],
        )
        await interaction.response.send_modal(form)

    async def _show_details(
        self, interaction: Interaction, view: RequestView, _choice: Choice, _position: int | None
    ) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._put_details(interaction, view)

    async def relative_chosen(self, interaction: Interaction, _match: re.Match[str], values: list[str]) -> None:
        """Walk the tree: show the details of a relative in the same place."""
        view = await self._seen(interaction, values[0])
        await interaction.response.defer()
        await self._put_details(interaction, view)

    async def _put_details(self, interaction: Interaction, view: RequestView) -> None:
        relatives = await self._generations.relatives(view.id)
        prompt = whole_prompt(view)
        files = [discord.File(io.BytesIO(prompt.encode("utf-8", "replace")), PROMPT_FILE)] if prompt else []
        preview = (await previews_of(self._services.store, [view])).get(view.id)
        if preview is not None and preview.path is not None:
            said = preview_text(view, preview)
            files.append(discord.File(preview.path, filename=preview.filename, description=said))
        # What was booked is between whoever paid and the books; /usage find is for those who manage the server.
        booked = await self._generations.booked(view.id) if view.user_id == interaction.user.id else []
        card = details_card(view, relatives, Viewer.of(interaction).sees, preview=preview, booked=booked)
        await interaction.edit_original_response(view=card, attachments=files, allowed_mentions=_NOBODY)

    async def _tell_maker(
        self, interaction: Interaction, view: RequestView, _choice: Choice, _position: int | None
    ) -> None:
        await say(interaction, view=maker_card(view))

    async def _report(
        self, interaction: Interaction, view: RequestView, _choice: Choice, _position: int | None
    ) -> None:
        await self.removing.open_report(interaction, view)

    async def _delete(
        self, interaction: Interaction, view: RequestView, _choice: Choice, _position: int | None
    ) -> None:
        await self.removing.ask(interaction, view)

    async def kept_pressed(self, interaction: Interaction, _match: re.Match[str]) -> None:
        """Take a question away: all stays as it is."""
        await interaction.response.edit_message(view=kept_card())

    async def exhibit_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Post a private picture to the gallery, now that its owner was asked."""
        view = await self._seen(interaction, match["request_id"])
        await self._exhibiting.post(interaction, view, int(match["position"]), agreed=True)

    # --- full size ---

    async def full_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Give a picture in full size, privately."""
        await self._full(interaction, match["request_id"], int(match["position"]))

    async def full_chosen(self, interaction: Interaction, match: re.Match[str], values: list[str]) -> None:
        """Give the chosen one of several pictures in full size, privately."""
        await self._full(interaction, match["request_id"], int(values[0]))

    async def _full(self, interaction: Interaction, request_id: str, position: int) -> None:
        # Fitting may take seconds, and a bare defer would edit the picture's own message.
        await interaction.response.defer(ephemeral=True, thinking=True)
        view = await self._seen(interaction, request_id)
        chosen = [picture for picture in kept(self._services.store, view) if picture.position == position]
        if not chosen:
            raise CannotDo(user_message=_GONE)
        await show_pictures(interaction, self._services.store, view, chosen, full_card)


_OF_ONE_PICTURE = frozenset({Action.FULL, Action.LARGER, Action.TRAY, Action.GALLERY})
_ASKS = frozenset({Action.LARGER, Action.VARIATIONS, Action.REFERENCE})
_TOO_OLD = "I don't know this choice any more. Open More once again."


def _choice(values: list[str]) -> Choice:
    try:
        return Choice.of(values[0])
    except (IndexError, ValueError) as error:
        raise CannotDo(user_message=_TOO_OLD) from error


def _position(match: re.Match[str]) -> int | None:
    return int(match["position"]) if match["position"] else None


def _mine(view: RequestView, interaction: Interaction) -> bool:
    return view.user_id == interaction.user.id


Work = Callable[[Interaction, re.Match[str]], Awaitable[None]]


async def setup(client: BotClient) -> None:
    """Add the buttons, selects and forms."""
    cog = Results(client)
    await client.add_cog(cog)
    removing = cog.removing
    presses: dict[re.Pattern[str], Work] = {
        ids.REDO: cog.again_pressed,
        ids.EDIT: cog.edit_pressed,
        ids.REMIX: cog.remix_pressed,
        ids.FULL: cog.full_pressed,
        ids.KEEP: cog.kept_pressed,
        ids.EXHIBIT: cog.exhibit_pressed,
        ids.DELETE: removing.delete_pressed,
        ids.TAKE_DOWN: removing.take_down_pressed,
        moderation_ids.REPORT_DELETE: removing.report_delete_pressed,
        moderation_ids.REPORT_DISMISS: removing.report_dismiss_pressed,
        moderation_ids.OPEN_REPORTS: removing.look_pressed,
    }
    for template, work in presses.items():
        on_press(client, template, work)
    on_choice(client, ids.MORE, cog.more_chosen)
    on_choice(client, ids.PICK, cog.picked)
    on_choice(client, ids.TREE, cog.relative_chosen)
    on_choice(client, ids.FULL_SELECT, cog.full_chosen)
    on_submit(client, ids.EDIT_FORM, cog.edit_sent)
    on_submit(client, ids.REMIX_FORM, cog.remix_sent)
    on_submit(client, ids.REFERENCE_FORM, cog.reference_sent)
    on_submit(client, ids.REPORT_FORM, removing.report_sent)
