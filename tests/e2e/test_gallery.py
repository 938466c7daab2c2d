"""The gallery over the wire, with the real process: presses that come at the same time."""

from __future__ import annotations

from pathlib import Path

from bot.sandbox.wire import WireFault, WireFaultKind
from tests.e2e.program import PATIENCE_S, audited, both, running, until_said


async def test_two_presses_at_the_same_time_are_one_post(tmp_path: Path) -> None:
    async with both() as (wire, rivya):
        guild = wire.people.add_guild()
        channel, gallery = wire.people.add_channel(guild), wire.people.add_channel(guild)
        alice = wire.people.add_member(guild, "alice")
        moderator = wire.people.add_member(guild, "moderator", administrator=True)
        async with running(tmp_path, wire, rivya):
            panel = await wire.slash(moderator, channel, "settings")
            shown = await until_said(wire, panel, "Gallery")
            await wire.select(moderator, shown.id, "nbb:set:go", ["reports"])
            await until_said(wire, panel, "Gallery: none yet")
            await wire.select(moderator, shown.id, "nbb:server:gallery", [str(gallery)])
            await until_said(wire, panel, f"Gallery: <#{gallery}>")
            made = await wire.slash(alice, channel, "imagine", prompt="worth showing twice")
            await wire.until(lambda: made.shown_ms, PATIENCE_S)
            # The first post is on its way for so long that all other presses come meanwhile.
            wire.faults.add(WireFault(kind=WireFaultKind.SLOW, route="send", delay_s=1.0))
            people = (alice, moderator, alice, moderator)
            presses = [await wire.select(who, made.message_id or 0, "nbb:more:.*", ["gallery"]) for who in people]

            def answers() -> list[str]:
                said = [wire.books.messages.get(press.message_id or 0) for press in presses]
                return [message.text.replace("*", "") for message in said if message is not None and message.text]

            await wire.until(lambda: len(answers()) == len(presses), PATIENCE_S)
            assert sum("It stands in the gallery now." in answer for answer in answers()) == 1
            assert sum("This picture is being posted at this moment." in answer for answer in answers()) == 3
            again = await wire.select(alice, made.message_id or 0, "nbb:more:.*", ["gallery"])
            await until_said(wire, again, "It stands in the gallery already.")
        posted = [message for message in wire.books.pictures() if message.channel_id == gallery]
        assert len(posted) == 1
        assert len([one for one in wire.books.requests_to("send") if str(gallery) in one.path]) == 1
        assert rivya.books.total_charged == 8
        assert (await audited(tmp_path)).findings == ()
