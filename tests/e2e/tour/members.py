"""What members see: asking, watching, going on from a result, looking back."""

from __future__ import annotations

from bot.sandbox.rivya import Fault, FaultKind
from bot.ui.failure import notice_card
from tests.e2e.tour.camera import PRIVATE, Tour

PANDA = "a red panda in a raincoat on a rainy Kyoto street at night, in the colours of image 2"
ISLANDS = "four small islands in a calm sea at dawn"
LIGHTHOUSE = "a lighthouse on a cliff, paper cut-out"
REFERENCE = "Use as reference"


async def first_picture(tour: Tour) -> None:
    """From the command to the result, and what it leads to."""
    page, (banana, _, colours) = tour.page, tour.demo.references
    await page.compose("imagine", prompt=PANDA, aspect_ratio="16:9", resolution="2K", image_1=banana, image_2=colours)
    await tour.composer("compose")
    await page.send()
    await page.sees(PANDA[:30], "Painting", "6 s of about")
    await tour.message("progress", PANDA[:30])
    await tour.painted(PANDA)
    await tour.message("result", PANDA, "Remix")
    await page.choose("More", "Details")
    await tour.private("details", "Details")
    await page.press("Edit", within=PANDA[:30])
    await tour.form("form-edit")
    await page.press("Remix", within=PANDA[:30])
    await tour.form("form-remix")
    await page.choose("Details", "Who made this")  # the page goes on showing what was chosen last
    await tour.private("maker", "Mia")
    await page.choose("Who made this", "Full size")
    await page.picture_sizes(PRIVATE, PANDA)
    await tour.private("full-size", PANDA)
    await page.choose("Full size", "Delete")
    await tour.private("delete", "Delete the message")
    await page.choose("Delete", "Add to my tray")
    await page.command("tray")
    await tour.private("tray", "Your tray")
    await page.press("Paint with it · 8 credits", within="Your tray")
    await tour.form("form-references")


async def asking(tour: Tour) -> None:
    """The other ways to ask, and the questions that come back."""
    page, demo = tour.page, tour.demo
    _, valley, _ = demo.references
    await tour.mention("the same valley under a full moon", valley)
    await tour.painted("the same valley under a full moon")
    await tour.message("mention", "the same valley under a full moon", "Remix")
    with demo.discord.env.time_context():
        theirs = await demo.ada.send(demo.channel, "What I saw today", attachments=[(valley.name, valley.read_bytes())])
        words = await demo.ada.send(demo.channel, "No picture today.")
    await tour.mention("this in snow", reply_to=theirs)
    await tour.message("mention-reply", "I can't see the message that you reply to")
    await tour.mention("a teapot in the shape of a whale")
    await tour.message("mention-question", "Paint this without an image")
    await tour.mention("")
    await tour.message("mention-how", "Tell me what to paint")
    await tour.menu(demo.mia, REFERENCE, words)
    await tour.private("no-images", "There is no picture in that message")
    await page.command("imagine", prompt=ISLANDS, count=4)
    await tour.private("confirm", "32 credits")
    await page.press("Not now", within="32 credits")
    await tour.private("put-away", "Not")
    await page.command("imagine", prompt=ISLANDS, count=4)
    await page.press("Paint all 4 · 32 credits")
    await page.command("imagine", prompt="a lighthouse in a storm", aspect_ratio="9:16")
    await page.press("Cancel", within="a lighthouse in a storm")
    await tour.message("cancelled", "a lighthouse in a storm", "Cancelled.")
    await tour.painted("four small islands")
    await tour.message("gallery", "four small islands", "Remix")
    await page.press("Edit", within="four small islands")
    await tour.form("form-edit-which")
    await page.choose("More", "Full size")
    await tour.private("which", "Which")
    await page.command("imagine", prompt="a very slow train")
    await page.command("queue")
    await tour.private("queue", "Your pictures in work")
    await page.sees("a very slow train", "Painting")
    await page.press("Cancel", within="a very slow train")
    await tour.private("cancelled-late", "history")


async def troubles(tour: Tour) -> None:
    """What can't be had, and what that cost."""
    page, demo = tour.page, tour.demo
    demo.rivya.faults.add(Fault(kind=FaultKind.TASK_FAILS, code="content_policy", message="Not this."))
    await page.command("imagine", prompt="something that the image service turns down")
    await tour.message("failure", "No picture this time.")
    await tour.slash(demo.ada, "quota grant", member=demo.mia, amount=10, reason="Winner of the Friday theme")
    await page.command("imagine", prompt="the islands under snow", count=4)
    await page.press("Paint all 4 · 32 credits")
    await tour.slash(demo.ada, "quota set", member=demo.mia, credits=40, per="month")
    await page.command("imagine", prompt="the same islands in fog", count=4)
    await tour.private("refusal", "Nothing was charged.")
    await demo.core.house.change(demo.channel.guild.id, by=demo.ada.id, terms=("logo",))
    await page.command("imagine", prompt="our logo on a mug")
    await tour.private("blocked", "Change the prompt")
    await page.press("Change the prompt")
    await tour.form("form-rewrite")
    await tour.painted("the islands under snow")
    await page.command("credits")
    await tour.message("credits", "Last entries")


async def looking_back(tour: Tour) -> None:
    """The history, one picture, preferences and styles, about and help."""
    page = tour.page
    for prompt in (LIGHTHOUSE, "a lighthouse keeper's breakfast", "a fox asleep in a bookshop"):
        await page.command("imagine", prompt=prompt, aspect_ratio="4:3")
    await page.command("imagine", prompt="a birthday card for Ada", private=True)
    for prompt in (LIGHTHOUSE, "a lighthouse keeper's breakfast", "a fox asleep in a bookshop"):
        await tour.painted(prompt)
    await tour.painted("a birthday card for Ada")
    await tour.private("private", "a birthday card for Ada", "Remix")
    await page.command("history")
    await page.picture_sizes("Your pictures")
    await tour.private("history", "Your pictures")
    await page.command("history", text="lighthouse")
    await page.picture_sizes("Your pictures")
    await tour.private("history-search", "lighthouse", "Your pictures")
    await page.choose("Open", "breakfast")
    await page.picture_sizes(PRIVATE, "breakfast", "Post here")
    await tour.private("history-picture", "breakfast", "Post here")
    await page.command("preferences")
    await tour.private("preferences", "Your preferences")
    await page.press("My styles", within="Your preferences")
    await page.press("Add a style")
    await tour.form("form-style")
    styles = tour.demo.core.preferences
    await styles.add_style(tour.demo.mia.id, "aquarelle", "watercolour on rough paper, wet edges, much white")
    await styles.add_style(tour.demo.mia.id, "film noir", "black and white, hard shadows, 1947")
    await page.command("preferences")
    await page.press("My styles", within="Your preferences")
    await tour.private("styles", "aquarelle")
    await tour.slash(tour.demo.ada, "show", id=await tour.newest_link())
    await page.view_as("Ada")
    await page.picture_sizes(PRIVATE)
    await tour.private("show", "Remix")
    await page.view_as("Mia")
    await page.command("about")
    await tour.private("about", "Version")
    await page.command("help")
    await tour.private("help", "/imagine")
    await page.command("privacy delete")
    await tour.private("privacy", "Delete all that I hold")
    await tour.card("notice", notice_card(1))


WALKS = (first_picture, asking, troubles, looking_back)
