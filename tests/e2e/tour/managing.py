"""What those see who manage a server."""

from __future__ import annotations

from bot.generations.protocols import Notice, NoticeKind
from bot.ui.notices import operator_notice_card
from bot.ui.setup import welcome_card
from tests.e2e.tour.camera import Tour
from tests.e2e.tour.members import LIGHTHOUSE

PAGES = (
    "Where pictures are made",
    "Who may make them",
    "Models and private pictures",
    "Blocked words",
    "Slow mode",
    "Credits and clocks",
    "Log",
    "Reports and gallery",
    "Last changes",
)


async def moderating(tour: Tour) -> None:
    """The gallery, a report, bans. There is one channel on the page, so gallery and reports go there too."""
    page, demo = tour.page, tour.demo
    channel_id = demo.channel.id
    await demo.core.moderation.set_channels(
        demo.channel.guild.id, by=1, gallery_channel_id=channel_id, reports_channel_id=channel_id
    )
    await page.command("imagine", prompt=LIGHTHOUSE, aspect_ratio="4:3")
    await tour.painted(LIGHTHOUSE)  # what is drawn while a select is open would close it
    await page.choose("More", "Post to the gallery")
    await page.sees("by @Mia", LIGHTHOUSE)
    await page.picture_sizes("by @Mia", LIGHTHOUSE)
    await tour.message("gallery-post", "by @Mia", LIGHTHOUSE)
    await page.view_as("Ada")
    await page.picture_sizes("by @Mia", LIGHTHOUSE)
    await page.choose("More", "Report to the moderators")
    await tour.form("form-report", send="It shows our logo.")
    await tour.message("report", "Reported", "It shows our logo.")
    await page.press("Ban", within="It shows our logo.")
    await tour.form("form-ban")
    await tour.slash(demo.ada, "ban", member=demo.mia, reason="Posted our logo, twice.", expires="1 week")
    await page.command("bans")
    await tour.private("bans", "twice")
    await demo.core.house.change(demo.channel.guild.id, by=demo.ada.id, log_channel_id=channel_id)
    await page.command("imagine", prompt="a lighthouse keeper's breakfast", count=2)
    await tour.message("log", "breakfast", "ref ")


async def setting_up(tour: Tour) -> None:
    """The panels."""
    page = tour.page
    await tour.card("welcome", welcome_card(allowed=True))
    await page.view_as("Ada")
    await page.command("setup")
    await tour.message("setup", "Set up Banana Lovers")
    await page.command("settings")
    await tour.message("settings", "Banned from the bot")
    for place in PAGES:
        await page.command("settings")
        await page.choose("Change …", place)
        await tour.private(f"settings {place}", "All settings")
    await page.command("settings")
    await page.choose("Change …", "Blocked words")
    await page.press("Change the words")
    await tour.form("form-words")
    await page.command("settings")
    await page.choose("Change …", "Credits and clocks")
    await page.press("Change the time zone")
    await tour.form("form-zone")
    await tour.together("settings-pages", *(f"settings {place}" for place in PAGES))


async def spending(tour: Tour) -> None:
    """Rules, extra credits, and what was used."""
    page, demo = tour.page, tour.demo
    await page.command("imagine", prompt=LIGHTHOUSE, aspect_ratio="4:3")
    await tour.painted(LIGHTHOUSE)
    await page.view_as("Ada")
    await tour.slash(demo.ada, "quota set", credits=160, per="month", reason="A start")
    await tour.slash(demo.ada, "quota set", channel=demo.channel, credits=800, per="day")
    await tour.slash(demo.ada, "quota set", newer_than_days=7, credits=16, per="day", resolution="2K")
    await tour.slash(demo.ada, "quota set", member=demo.mia, credits=320, per="month", running=3)
    await tour.private("quota-set", "The rule is set.")
    await tour.slash(demo.ada, "quota list")
    await tour.private("quota-list", "4 rules")
    await tour.slash(demo.ada, "quota set", credits=1600, per="month", reason="Summer")
    await tour.private("quota-large", "Then: 1,600")
    await tour.slash(demo.ada, "quota preview", credits=80, per="month", check=demo.mia)
    await tour.private("quota-preview", "Then: 80")
    await tour.slash(demo.ada, "quota grant", member=demo.mia, amount=40, reason="Winner", expires_in_days=30)
    await tour.private("quota-grant", "Granted.")
    await tour.slash(demo.ada, "quota explain", member=demo.mia)
    await tour.private("quota-explain", "Without a rule")
    await tour.slash(demo.ada, "quota log")
    await tour.private("quota-log", "entry")
    await page.command("usage")
    await page.picture_sizes("used in")
    await tour.message("usage", "used in")
    await page.command("usage", find=await tour.newest_link())
    await tour.private("usage-find", "What was booked")


async def operating(tour: Tour) -> None:
    """The desk of who runs the bot."""
    page, demo = tour.page, tour.demo
    await page.command("imagine", prompt=LIGHTHOUSE, aspect_ratio="4:3")
    await tour.painted(LIGHTHOUSE)
    await page.view_as("Ada")
    await page.command("operator status")
    await page.press("Read again")
    await tour.private("operator", "Banana Lovers")
    guild = str(demo.channel.guild.id)
    await tour.slash(demo.ada, "operator allowance", server=guild, credits="8000", reason="A larger server now")
    await tour.slash(demo.ada, "operator server", server=guild)
    await tour.private("operator-server", "8,000", "Pause")
    await page.press("Set allowance", within="8,000")
    await tour.form("form-allowance")
    await page.press("Pause", within="8,000")
    await tour.form("form-pause")
    await tour.slash(demo.ada, "operator pause", server=guild, reason="A wave of new accounts")
    await tour.private("operator-pause", "Pause Banana Lovers?", "Leave it as it is")
    low = {"free_credits": 700, "days_left": 2.6, "pace_credits_per_day": 270.0, "pace_days": 7}
    await tour.card("operator-low", operator_notice_card(Notice(NoticeKind.LOW, 0, low)))


WALKS = (operating, moderating, setting_up, spending)
