"""What else was shown before a restart works after it, over the wire: panels, reports, gallery posts, refusals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot.clock import SystemClock
from bot.sandbox.rivya import Fault, FaultKind, RivyaSandbox
from bot.sandbox.rivya_books import TaskRecord
from bot.sandbox.wire import InteractionRecord, MessageRecord, WireServer
from tests.e2e.program import PATIENCE_S, audited, both, running, set_channels, until_said
from tests.world import png

MANY = {"MAX_RUNNING_PER_MEMBER": "10"}


@dataclass(frozen=True, slots=True)
class Hands:
    """Does what people do, and waits for what comes of it."""

    wire: WireServer

    async def seen(self, found: Callable[[], Any]) -> None:
        """Wait until something is so."""
        await self.wire.until(found, PATIENCE_S)

    async def reads(self, message: MessageRecord, words: str) -> None:
        """Wait until a message that stands says ``words``, markup apart."""
        await self.seen(lambda: words in message.text.replace("*", ""))

    async def shown(self, asked: InteractionRecord, words: str) -> MessageRecord:
        """Return the answer once it says ``words``."""
        return await until_said(self.wire, asked, words)

    async def opened(self, asked: InteractionRecord) -> InteractionRecord:
        """Wait until a form is open."""
        await self.seen(lambda: asked.modal)
        return asked

    async def painted(self, user: int, channel: int, prompt: str) -> InteractionRecord:
        """Ask for a picture and wait for it."""
        asked = await self.wire.slash(user, channel, "imagine", prompt=prompt)
        await self.seen(lambda: asked.shown_ms)
        return asked

    async def request_behind(self, user: int, message_id: int | None) -> str:
        """Return the id of the request whose result a message is."""
        form = await self.opened(await self.wire.click(user, message_id or 0, "nbb:remix:.*"))
        return str((form.modal or {})["custom_id"]).rpartition(":")[2]

    async def reported(self, user: int, message_id: int, reason: str) -> MessageRecord:
        """Report a picture; returns the card in the moderators' channel."""
        form = await self.opened(await self.wire.select(user, message_id, "nbb:more:.*", ["report"]))
        sent = await self.wire.modal_submit(user, form.id, {"reason": reason})
        await self.shown(sent, "The moderators of this server have it now")
        (card,) = [one for one in self.wire.books.messages.values() if reason in one.text]
        return card


async def test_panels_forms_and_cards_of_ones_own_work_after_a_restart(tmp_path: Path) -> None:
    async with both() as (wire, rivya):
        guild = wire.people.add_guild()
        channel = wire.people.add_channel(guild)
        alice = wire.people.add_member(guild, "alice")
        moderator = wire.people.add_member(guild, "moderator", administrator=True)
        hands = Hands(wire)

        async with running(tmp_path, wire, rivya, **MANY):
            settings = await hands.shown(await wire.slash(moderator, channel, "settings"), "Gallery")
            await wire.select(moderator, settings.id, "nbb:set:go", ["words"])
            await hands.reads(settings, "No word is blocked.")
            words = await hands.opened(await wire.click(moderator, settings.id, "nbb:set:words"))
            await wire.modal_submit(moderator, words.id, {"words": "kraken"})
            await hands.reads(settings, "kraken")
            refused = await hands.shown(
                await wire.slash(alice, channel, "imagine", prompt="a kraken at sea"), "blocks a word"
            )
            parent = await hands.painted(alice, channel, "a harbour")
            edit = await hands.opened(await wire.click(alice, parent.message_id or 0, "nbb:edit:.*"))
            child = await wire.modal_submit(alice, edit.id, {"prompt": "with two boats"})
            await hands.seen(lambda: child.shown_ms)
            details = await hands.shown(
                await wire.select(alice, parent.message_id or 0, "nbb:more:.*", ["details"]), "One came of it"
            )
            posted = await wire.say(alice, channel, "two", files=[("cat.png", png()), ("hat.png", png(48, 32))])
            await hands.shown(await wire.message_menu(alice, posted, "Add to my tray"), "2 images added")
            tray = await hands.shown(await wire.slash(alice, channel, "tray"), "2 of 8")
            preferences = await hands.shown(await wire.slash(alice, channel, "preferences"), "Your preferences")
            styles = await hands.shown(await wire.slash(alice, channel, "preferences"), "Your preferences")
            await wire.click(alice, styles.id, "nbb:styles")
            await hands.reads(styles, "You have no styles yet.")
            new_style = await hands.opened(await wire.click(alice, styles.id, "nbb:style:add"))
            rivya.faults.add(Fault(kind=FaultKind.TASK_FAILS, code="content_policy", message="Not this.", times=1))
            failed = await hands.shown(
                await wire.slash(alice, channel, "imagine", prompt="it fails at first"), "No picture this time."
            )
            rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=3600))
            slow = await wire.slash(alice, channel, "imagine", prompt="a slow boat")
            await hands.seen(lambda: _asked(rivya, "a slow boat"))
            cancelled = await hands.shown(
                await wire.click(alice, slow.message_id or 0, "nbb:cancel:.*"), "It is too late to take this back."
            )
            queue = await hands.shown(await wire.slash(alice, channel, "queue"), "1 request")

        async with running(tmp_path, wire, rivya, **MANY):
            # A late Cancel's second thought: it comes to nobody but its owner.
            await wire.click(alice, cancelled.id, "nbb:delete:.*")
            await hands.reads(cancelled, "Deleted.")
            (task,) = _asked(rivya, "a slow boat")
            task.outcome = replace(task.outcome, ends_ms=SystemClock().now_ms())
            # A failure's two buttons, and a refusal's form.
            retried = await wire.click(alice, failed.id, "nbb:redo:.*")
            changed = await hands.opened(await wire.click(alice, failed.id, "nbb:remix:.*"))
            rewritten = await hands.opened(await wire.click(alice, refused.id, "nbb:rewrite:.*"))
            retold = await wire.modal_submit(alice, changed.id, {"prompt": "it works with other words"})
            harmless = await wire.modal_submit(alice, rewritten.id, {"prompt": "an octopus at sea"})
            # Details goes on to a relative, and back.
            await wire.select(alice, details.id, "nbb:tree", [await hands.request_behind(alice, child.message_id)])
            await hands.reads(details, "Came of “a harbour”")
            await wire.select(alice, details.id, "nbb:tree", [await hands.request_behind(alice, parent.message_id)])
            await hands.reads(details, "One came of it")
            # The tray: one out, then all.
            await wire.click(alice, tray.id, "nbb:tray:remove:.*")
            await hands.reads(tray, "1 of 8")
            await wire.click(alice, tray.id, "nbb:tray:empty")
            await hands.reads(tray, "Take the image out of your tray?")
            await wire.click(alice, tray.id, "nbb:tray:clear")
            await hands.reads(tray, "Your tray is empty.")
            # Preferences and styles.
            await wire.select(alice, preferences.id, "nbb:prefer:notify", ["yes"])
            await hands.reads(preferences, "yes")
            await wire.modal_submit(alice, new_style.id, {"name": "noir", "suffix": "black and white, 1947"})
            await hands.reads(styles, "1 of 25")
            await wire.select(alice, styles.id, "nbb:style:open", ["1"])
            await hands.seen(lambda: "Your styles" not in styles.text and "black and white, 1947" in styles.text)
            again = await hands.opened(await wire.click(alice, styles.id, "nbb:style:edit:.*"))
            await wire.modal_submit(alice, again.id, {"suffix": "hard shadows"})
            await hands.reads(styles, "hard shadows")
            # What was in work is not any more.
            for came in (retried, retold, harmless):
                await hands.seen(lambda came=came: came.shown_ms)
            async with asyncio.timeout(PATIENCE_S):
                while "None of your pictures is in work." not in queue.text:
                    refreshed = await wire.click(alice, queue.id, "nbb:queue")
                    await hands.seen(lambda refreshed=refreshed: refreshed.acknowledged_ms)
            history = await wire.slash(alice, channel, "history")
            await hands.shown(history, "a slow boat")

        shown = [message for message in wire.books.pictures() if not message.ephemeral]
        assert len(shown) == 5
        assert not any("a slow boat" in message.text for message in shown)
        assert sorted(task.prompt for task in rivya.books.tasks) == sorted(
            [
                "a harbour",
                "with two boats",
                "a slow boat",
                *["it fails at first"] * 2,
                "it works with other words",
                "an octopus at sea",
            ]
        )
        assert rivya.books.total_charged == 6 * 8
        report = await audited(tmp_path)
        assert (report.findings, report.open_holds) == ((), 0)


async def test_reports_and_the_gallerys_posts_work_after_a_restart(tmp_path: Path) -> None:
    async with both() as (wire, rivya):
        guild = wire.people.add_guild()
        channel, gallery = wire.people.add_channel(guild), wire.people.add_channel(guild, "gallery")
        reports = wire.people.add_channel(guild, "reports")
        alice, bob = wire.people.add_member(guild, "alice"), wire.people.add_member(guild, "bob")
        moderator = wire.people.add_member(guild, "moderator", administrator=True)
        hands = Hands(wire)

        async with running(tmp_path, wire, rivya, **MANY):
            await set_channels(wire, moderator, channel, gallery=gallery, reports=reports)
            bad, good, rude = [
                (await hands.painted(bob, channel, prompt)).message_id or 0 for prompt in ("bad", "good", "rude")
            ]
            to_delete = await hands.reported(alice, bad, "it is bad")
            to_dismiss = await hands.reported(alice, good, "do I like it?")
            to_ban = await hands.reported(alice, rude, "this is rude")
            worthy = await hands.painted(alice, channel, "worth showing")
            exhibited = await wire.select(alice, worthy.message_id or 0, "nbb:more:.*", ["gallery"])
            await hands.shown(exhibited, "It stands in the gallery now.")
            (post,) = [message for message in wire.books.pictures() if message.channel_id == gallery]

        async with running(tmp_path, wire, rivya, **MANY):
            # Every button of a gallery's post, by somebody who is not its maker.
            again = await wire.click(moderator, post.id, "nbb:redo:.*")
            edit = await hands.opened(await wire.click(moderator, post.id, "nbb:edit:.*"))
            remix = await hands.opened(await wire.click(moderator, post.id, "nbb:remix:.*"))
            edited = await wire.modal_submit(moderator, edit.id, {"prompt": "with a frame"})
            remixed = await wire.modal_submit(moderator, remix.id, {"prompt": "worth showing twice"})
            details = await wire.select(moderator, post.id, "nbb:more:.*", ["details"])
            await hands.shown(details, "worth showing")
            for came in (again, edited, remixed):
                await hands.seen(lambda came=came: came.shown_ms)
            assert post.edits == 0, "a new picture is a new message"
            # The three answers to a report; one that was answered says so.
            await wire.click(moderator, to_delete.id, "nbb:report:delete:.*")
            await hands.reads(to_delete, "deleted by")
            await hands.seen(lambda: wire.books.messages[bad].deleted_ms)
            await wire.click(moderator, to_dismiss.id, "nbb:report:dismiss:.*")
            await hands.reads(to_dismiss, "dismissed by")
            assert wire.books.messages[good].deleted_ms is None
            ban = await hands.opened(await wire.click(moderator, to_ban.id, "nbb:report:ban:.*"))
            banned = await wire.modal_submit(moderator, ban.id, {"reason": "be kind", "expires": ["1 day"]})
            await hands.shown(banned, "Banned from the bot.")
            refused = await wire.slash(bob, channel, "imagine", prompt="and another")
            await hands.shown(refused, "You are banned from using me in this server.")
            # Delete on the gallery's post takes both messages, after having been asked.
            deleting = await wire.select(alice, post.id, "nbb:more:.*", ["delete"])
            question = await hands.shown(deleting, "It goes from the gallery as well.")
            await wire.click(alice, question.id, "nbb:delete:.*")
            await hands.reads(question, "Deleted.")
            assert wire.books.messages[post.id].deleted_ms is not None
            assert wire.books.messages[worthy.message_id or 0].deleted_ms is not None

        assert sorted((task.prompt, len(task.reference_ids)) for task in rivya.books.tasks) == sorted(
            [
                *[(prompt, 0) for prompt in ("bad", "good", "rude")],
                *[("worth showing", 0)] * 2,
                ("with a frame", 1),
                ("worth showing twice", 0),
            ]
        )
        assert rivya.books.total_charged == 7 * 8
        report = await audited(tmp_path)
        assert (report.findings, report.open_holds) == ((), 0)


def _asked(rivya: RivyaSandbox, prompt: str) -> list[TaskRecord]:
    return [task for task in rivya.books.tasks if task.prompt == prompt]
