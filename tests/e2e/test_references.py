"""References from messages, over the wire: the program itself, its gateway, its menus, its forms, its mentions."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.program import PATIENCE_S, both, running, until_said
from tests.world import png


async def test_menus_forms_the_tray_and_mentions_outlive_messages_and_the_process(tmp_path: Path) -> None:
    async with both() as (wire, rivya):
        guild = wire.people.add_guild(premium_tier=0)
        channel = wire.people.add_channel(guild)
        alice, bob = wire.people.add_member(guild, "alice"), wire.people.add_member(guild, "bob")
        async with running(tmp_path, wire, rivya):
            posted = await wire.say(bob, channel, "my cat", files=[("cat.png", png()), ("notes.pdf", b"%PDF-1.7")])
            opened = await wire.message_menu(alice, posted, "Use as reference")
            await wire.until(lambda: opened.modal, PATIENCE_S)
            kept = await wire.message_menu(alice, posted, "Add to my tray")
            await until_said(wire, kept, "1 image added to your tray.")
            await until_said(wire, kept, "notes.pdf is a PDF.")
        wire.people.delete_message(posted)
        # The form is still open, the bot is another process now, and the message is gone.
        async with running(tmp_path, wire, rivya):
            shown = await wire.slash(alice, channel, "tray")
            await wire.until(lambda: shown.shown_ms, PATIENCE_S)
            sent = await wire.modal_submit(alice, opened.id, {"prompt": "of a form that was open"})
            await until_said(wire, sent, "cat.png can't be fetched from Discord any more.")
            used = await wire.click(alice, shown.message_id or 0, "nbb:tray:use")
            await wire.until(lambda: used.modal, PATIENCE_S)
            painted = await wire.modal_submit(alice, used.id, {"prompt": "out of the tray"})
            await wire.until(lambda: painted.shown_ms, PATIENCE_S)
            assert painted.message_id is not None
            asked = f"<@{wire.bot_id}> and now with a hat"
            await wire.say(bob, channel, asked, files=[("hat.png", png(48, 32))], reply_to=painted.message_id)
            await wire.until(lambda: wire.books.pictures(containing="and now with a hat"), PATIENCE_S)
        assert [(task.prompt, len(task.reference_ids)) for task in rivya.books.tasks] == [
            ("out of the tray", 1),
            ("and now with a hat", 2),
        ]
        assert rivya.books.total_charged == 16
