"""A sample of every card, in every state that it can show: for the tests, and for looking at them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot.credits.ledger import Balance
from bot.credits.quota_rules import Limit
from bot.credits.quotas import LimitScope, QuotaExceeded
from bot.credits.repository import Entry
from bot.credits.windows import Period, Window
from bot.errors import ReferenceRefused
from bot.generations.protocols import PostFile
from bot.generations.refusals import ChannelNotAllowed, MissingPermissions, NotAllowedHere, QueueFull, TooManyAtOnce
from bot.generations.repository import BookedPicture
from bot.generations.standing import Outside
from bot.generations.states import DeliveryState, PictureState, ReferenceState, RequestState
from bot.generations.values import (
    Attachment,
    Cancelled,
    GenerationRequest,
    HistoryPage,
    PictureView,
    Quote,
    ReferenceView,
    RequestView,
    Trouble,
)
from bot.rivya.catalogue import BadOption
from bot.ui import cards, ids
from bot.ui.confirm import moved_card

NOW_MS = 1_767_225_600_000
REQUEST_ID = "0123456789ab7f3a"
PANDA = "a red panda in a raincoat, rainy Kyoto street at night, neon reflections in the puddles"
ARABIC = "باندا حمراء ترتدي معطف مطر في شارع ممطر بمدينة كيوتو ليلاً، مع انعكاسات النيون في البرك"
HOSTILE = (
    "# Big **bold** <@123456789012345678> <@&5> <#6> @everyone @here <t:1790000000:R> </imagine:77> <:cat:88> "
    ":smile: [free](https://evil.example) https://evil.example discord.gg/abc ||spoiler|| ~~gone~~ `code` _it_ *it* \\"
)
LONGEST = {
    "latin": "word " * 2000,
    "one word": "x" * 10_000,
    "markdown": "*_~`|<@1>[x](https://a.b)\n# " * 400,
    "emoji": "👨‍👩‍👧‍👦👩🏽‍🚀🏳️‍🌈🇯🇵" * 400,
    "arabic": (ARABIC + "\n") * 110,
    "zalgo": ("Z" + "\u0301" * 60) * 160,
    "bidi": "\u202e\u2067abc" * 2000,
    "newlines": "a\n" * 5000,
    "backslashes": "\\" * 10_000,
}

BALANCE = Balance(
    allowance_credits=100, used_credits=8, on_hold_credits=0, granted_credits=0, resets_at_ms=NOW_MS + 9 * 86_400_000
)
OPTIONS = {"aspect_ratio": "16:9", "resolution": "2K", "output_format": "png"}


def picture(position: int = 1, state: PictureState = PictureState.FETCHED, **values: Any) -> PictureView:
    made: dict[str, Any] = {}
    if state is PictureState.FETCHED:
        made = {
            "charged_credits": 8, "path": f"p{position}.png", "mime": "image/png", "width": 2752, "height": 1536,
            "size_bytes": 6_400_000, "finished_at_ms": NOW_MS,
        }  # fmt: skip
    if state not in {PictureState.HELD, PictureState.CANCELLED}:
        made["submitted_at_ms"] = NOW_MS - 12_000
    if state in {PictureState.UNKNOWN, PictureState.OVERDUE}:
        made["hold_ends_at_ms"] = NOW_MS + 86_000_000
    return PictureView(id=f"p{position}", position=position, state=state, price_credits=8, **(made | values))


def request(*pictures: PictureView, **values: Any) -> RequestView:
    base: dict[str, Any] = {
        "id": REQUEST_ID, "user_id": 10, "guild_id": 20, "channel_id": 30, "model": "nano-banana-pro",
        "model_label": "Nano Banana Pro", "prompt": PANDA, "options": OPTIONS, "private": False, "notify": False,
        "locale": "en-US", "state": RequestState.RUNNING, "created_at_ms": NOW_MS - 14_000, "references": (),
        "delivery": DeliveryState.WAITING, "message_id": 40, "expected_s": 14.0, "now_ms": NOW_MS, "balance": BALANCE,
        "place_guild_id": 20, "prices": {"1K": 8, "2K": 8, "4K": 8},
    }  # fmt: skip
    return RequestView(**(base | {"pictures": pictures or (picture(),)} | values))


def references(
    *states: ReferenceState, names: Sequence[str] = ("cat.png", "old_house.jpg")
) -> tuple[ReferenceView, ...]:
    return tuple(ReferenceView(n, names[(n - 1) % len(names)], state) for n, state in enumerate(states, 1))


def files(view: RequestView, *, fitted: bool = False) -> list[PostFile]:
    return [
        PostFile(p.position, Path(f"p{p.position}.png"), f"picture-{p.position}.png", fitted)
        for p in view.pictures
        if p.state is PictureState.FETCHED
    ]


def entry(number: int, kind: str, amount: int, reason: str, ago_s: int, *, settles: int | None = None) -> Entry:
    return Entry(number, 1, kind, amount, settles, None, None, "member", reason, NOW_MS - ago_s * 1000)


UPLOADED = ReferenceState.UPLOADED
READY = ReferenceState.READY
WAITING = ReferenceState.WAITING
S = PictureState


@dataclass(frozen=True)
class Sample:
    """A card to draw; ``view`` and ``files`` where it shows pictures."""

    draw: Callable[[], cards.Card]
    files: Sequence[PostFile] = ()


def samples() -> dict[str, Sample]:
    found: dict[str, Sample] = {}

    def progress(name: str, view: RequestView) -> None:
        found[f"progress-{name}"] = Sample(lambda: cards.progress_card(view))

    def result(name: str, view: RequestView, *, fitted: bool = False) -> None:
        shown = files(view, fitted=fitted)
        found[f"result-{name}"] = Sample(lambda: cards.result_card(view, shown), shown)

    def failure(name: str, view: RequestView) -> None:
        found[f"failure-{name}"] = Sample(lambda: cards.failure_card(view))

    def plain(name: str, draw: Callable[[], cards.Card]) -> None:
        found[name] = Sample(draw)

    two = references(UPLOADED, UPLOADED)
    held = picture(1, S.HELD)
    progress("references", request(held, references=references(READY, READY, WAITING)))
    progress("queued", request(held, queue_position=3))
    progress("painting", request(picture(1, S.PAINTING, submitted_at_ms=NOW_MS - 6000), references=two))
    progress("painting-late", request(picture(1, S.PAINTING, submitted_at_ms=NOW_MS - 64_000), trouble=Trouble.SLOW))
    progress("painting-unknown-time", request(picture(1, S.PAINTING, submitted_at_ms=NOW_MS - 6000), expected_s=None))
    progress("several", request(picture(1), picture(2), picture(3, S.PAINTING), picture(4, S.HELD)))
    progress("fetching", request(picture(1, S.FETCHING), trouble=Trouble.RESULT))
    progress("posting", request(picture(1)))
    progress("account", request(held, trouble=Trouble.ACCOUNT, references=two))
    progress("unreachable-arabic", request(held, prompt=ARABIC, trouble=Trouble.UNREACHABLE))

    result("one", request(picture(1), references=two))
    result("plain", request(picture(1), balance=None, options={"aspect_ratio": "1:1", "resolution": "1K"}))
    result("fitted", request(picture(1, size_bytes=25_000_000), options=OPTIONS | {"resolution": "4K"}), fitted=True)
    result("four", request(*(picture(n) for n in range(1, 5)), prompt=ARABIC), fitted=True)
    result("hostile", request(picture(1), prompt=HOSTILE, references=references(UPLOADED, names=["**x** <@1>.png"])))
    result(
        "mixed",
        request(
            picture(1), picture(2, S.FAILED, failure_code="prompt_refused"), picture(3, S.UNKNOWN),
            picture(4, S.OVERDUE),
        ),
    )  # fmt: skip
    result("more-coming", request(picture(1), picture(2), picture(3, S.PAINTING), picture(4, S.HELD)))
    result("late-free", request(picture(1, charged_credits=0, submitted_at_ms=NOW_MS - 25 * 3_600_000)))
    result(
        "cheaper",
        request(picture(1, charged_credits=5), picture(2, S.LOST, failure_code="result_gone"), picture(3, S.CANCELLED)),
    )

    failure("refused", request(picture(1, S.FAILED, failure_code="prompt_refused"), references=two))
    failure(
        "reference",
        request(
            picture(
                1, S.FAILED, failure_code="reference_refused", failure_detail="holiday_.png is an animated picture"
            ),
            references=references(ReferenceState.REFUSED, names=["holiday_.png"]),
        ),
    )
    failure("cancelled", request(picture(1, S.CANCELLED), picture(2, S.CANCELLED)))
    failure("unknown", request(picture(1, S.UNKNOWN)))
    failure("overdue", request(picture(1, S.OVERDUE)))
    failure("lost", request(picture(1, S.LOST, failure_code="result_gone")))
    failure(
        "all-differently",
        request(
            picture(1, S.FAILED, failure_code="generation_failed"), picture(2, S.LOST, failure_code="damaged_result"),
            picture(3, S.UNKNOWN), picture(4, S.OVERDUE), prompt=ARABIC,
        ),
    )  # fmt: skip

    def quota(scope: LimitScope, left: int, cost: int = 32) -> QuotaExceeded:
        resets = None if scope is LimitScope.PROVIDER else BALANCE.resets_at_ms
        return QuotaExceeded(scope, cost_credits=cost, left_credits=left, resets_at_ms=resets)

    mend = cards.Mend("Make 1 picture · 8 credits", ids.paint("a1b2" * 4, 8))
    low = replace(BALANCE, used_credits=88, on_hold_credits=16)
    plain(
        "refusal-member",
        lambda: cards.refusal_card(quota(LimitScope.MEMBER, 12), balance=low, mends=[mend], picture_credits=8),
    )
    cheaper = cards.Mend("Make 1 picture · 8 credits", ids.paint("c3d4" * 4, 8))

    def confirm(name: str, wanted: GenerationRequest, quote: Quote, **values: Any) -> None:
        model = "Nano Banana Pro"
        plain(
            name,
            lambda: cards.confirm_card(
                wanted,
                quote,
                model_label=model,
                draft_id="a1b2" * 4,
                agree_id=f"nbb:paint:{'a1b2' * 4}:{quote.cost_credits}",
                **values,
            ),
        )

    attached = Attachment(url="https://cdn.example/cat.png", filename="cat.png", size_bytes=9)
    four = GenerationRequest(prompt=PANDA, options=OPTIONS, count=4, references=(attached, attached))
    confirm("confirm", four, Quote(32, 8, BALANCE), instead=cheaper)
    confirm("confirm-dearer", four, Quote(40, 10, BALANCE), instead=cheaper, before_credits=32)
    one = GenerationRequest(prompt=ARABIC, options=OPTIONS | {"resolution": "4K"})
    confirm("confirm-arabic", one, Quote(24, 24, replace(BALANCE, allowance_credits=None)))
    confirm("confirm-hostile", GenerationRequest(prompt=HOSTILE, count=3), Quote(24, 8, BALANCE), instead=cheaper)
    plain("confirm-not-now", lambda: cards.not_now_card(four))
    plain("confirm-moved", lambda: moved_card(31, "https://discord.com/channels/20/31/40"))
    two_ways = [mend, cards.Mend("Make 4 pictures with Nano Banana · 12 credits", ids.paint("e5f6" * 4, 12))]
    plain("refusal-member-two", lambda: cards.refusal_card(quota(LimitScope.MEMBER, 12), mends=two_ways))
    plain("refusal-member-none", lambda: cards.refusal_card(quota(LimitScope.MEMBER, 0, 8), picture_credits=8))
    plain("refusal-guild", lambda: cards.refusal_card(quota(LimitScope.GUILD, 12), mends=[mend], picture_credits=8))
    plain("refusal-account", lambda: cards.refusal_card(quota(LimitScope.ACCOUNT, 4711)))
    plain("refusal-provider", lambda: cards.refusal_card(quota(LimitScope.PROVIDER, 4711)))
    sentence = (
        "Nano Banana Pro has no aspect ratio 5:7. It takes 1:1, 2:3, 3:2, 3:4, 4:3, 4:5, 5:4, 9:16, 16:9, 21:9, auto."
    )
    plain("refusal-option", lambda: cards.refusal_card(BadOption("aspect_ratio", "5:7", ["1:1"], sentence)))
    plain(
        "refusal-reference",
        lambda: cards.refusal_card(ReferenceRefused("cat.gif", "is a GIF; I take PNG, JPEG and WebP.")),
    )
    plain("refusal-permissions", lambda: cards.refusal_card(MissingPermissions(("Attach Files", "Send Messages"))))
    plain("refusal-not-here", lambda: cards.refusal_card(NotAllowedHere()))
    plain("refusal-too-many", lambda: cards.refusal_card(TooManyAtOnce(4, 4)))
    plain("refusal-queue", lambda: cards.refusal_card(QueueFull()))

    book = [
        entry(9, "hold", 8, "picture", 20),
        entry(8, "capture", 8, "picture", 900, settles=7),
        entry(6, "void", 8, "prompt_refused", 90_000, settles=5),
        entry(4, "refund", 8, "blurred face", 200_000, settles=3),
        replace(entry(1, "grant", 50, "won the March contest", 400_000), expires_at_ms=NOW_MS + 20 * 86_400_000),
    ]
    standing = Balance(100, 24, 8, 50, BALANCE.resets_at_ms)
    book = [replace(one, picture_id=f"p{one.id}") if one.kind != "grant" else one for one in book]
    stand = {
        one.picture_id or "": BookedPicture(
            f"{one.id:x}3f9a{one.id:x}", 1, 20, 30, 40 if one.kind == "capture" else None
        )
        for one in book
    }
    plain("credits", lambda: cards.credits_card(standing, book, NOW_MS, "Art & Craft", guild_id=20, pictures=stand))
    day = Outside(LimitScope.ACCOUNT, 12, NOW_MS + 3_600_000)
    plain("credits-day", lambda: cards.credits_card(standing, book, NOW_MS, "Art & Craft", outside=day, paused=True))
    used_up = replace(day, left_credits=0)
    plain("credits-day-used-up", lambda: cards.credits_card(standing, [], NOW_MS, "Art", outside=used_up))
    plain("credits-day-operator", lambda: cards.credits_card(standing, [], NOW_MS, "Art", outside=day, numbers=True))
    free = Balance(None, 240, 0, 0, NOW_MS)
    plain("credits-day-free", lambda: cards.credits_card(free, [], NOW_MS, "Art", outside=day))
    service = Outside(LimitScope.PROVIDER, 4711, None)
    plain("credits-service", lambda: cards.credits_card(free, [], NOW_MS, "Art & Craft", outside=service))
    plain("credits-unlimited", lambda: cards.credits_card(Balance(None, 240, 0, 0, NOW_MS), [], NOW_MS, "Art"))
    shared = Limit(LimitScope.GUILD, None, Period.MONTH, 4000, 3960, Window(NOW_MS, BALANCE.resets_at_ms))
    capped = replace(standing, ceiling=shared)
    plain("credits-capped", lambda: cards.credits_card(capped, book, NOW_MS, "Art & Craft"))
    daily = Balance(30, 12, 8, 0, NOW_MS + 5 * 3_600_000, Period.DAY)
    plain("credits-daily", lambda: cards.credits_card(daily, book, NOW_MS, "Art & Craft"))
    plain("credits-none", lambda: cards.credits_card(Balance(0, 0, 0, 0, BALANCE.resets_at_ms), [], NOW_MS, None))

    shown = {"delivery": DeliveryState.SHOWN, "delivered_channel_id": 30, "delivered_message_id": 40}
    past = [
        request(picture(1), picture(2), id="b" * 16, delivery=DeliveryState.KEPT, prompt=ARABIC, private=True),
        request(picture(1), id="a" * 16, **shown),
        request(picture(1, S.FAILED, failure_code="prompt_refused"), id="c" * 16, prompt=HOSTILE, **shown),
        request(picture(1, S.PAINTING), id="d" * 16, prompt="a teapot", **shown),
        request(
            picture(1, path=None, finished_at_ms=NOW_MS - 40 * 86_400_000 + 9000),
            id="e" * 16,
            created_at_ms=NOW_MS - 40 * 86_400_000,
            **shown,
        ),
    ]
    plain("history", lambda: cards.history_card(HistoryPage(tuple(past), 2, 7)))
    plain("history-empty", lambda: cards.history_card(HistoryPage((), 1, 1)))
    opened = replace(past[1], references=two, prompt=PANDA + "\n\n- a lantern\n- a cat\n" + "more of it, " * 40)
    found["picture-one"] = Sample(lambda: cards.picture_card(opened, files(opened)), files(opened))
    found["picture-two"] = Sample(lambda: cards.picture_card(past[1], files(past[1])), files(past[1]))
    plain("picture-failed", lambda: cards.picture_card(past[2], []))
    plain("picture-dropped", lambda: cards.picture_card(past[4], []))

    plain("refused-channel", lambda: cards.refusal_card(ChannelNotAllowed((7,)), typed=PANDA))
    plain("notice-one", lambda: cards.notice_card(1))
    plain("notice-three", lambda: cards.notice_card(3))
    plain("cancelled", lambda: cards.cancelled_card(Cancelled(1, 8, 0, 0)))
    plain("cancelled-part", lambda: cards.cancelled_card(Cancelled(2, 16, 1, 8)))
    plain("cancelled-late", lambda: cards.cancelled_card(Cancelled(0, 0, 1, 8)))
    plain("cancelled-nothing", lambda: cards.cancelled_card(Cancelled(0, 0, 0, 0)))
    plain("void", cards.void_card)
    plain("error", lambda: cards.error_card("7f3a2b"))
    plain("error-free", lambda: cards.error_card("7f3a2b", nothing_charged=True))
    plain("error-unwritten", cards.unwritten_card)
    plain("error-unheard", cards.unheard_card)
    plain("error-unheard-free", lambda: cards.unheard_card(nothing_charged=True))
    models = [("Nano Banana Pro", 8), ("Nano Banana 2", 5), ("Nano Banana", 3)]
    commands = [
        ("/imagine", "makes 1 to 4 pictures from a prompt and up to 8 reference images"),
        ("/credits", "shows what you have left"),
        ("/history", "shows your pictures, to open or post again"),
        ("/cancel", "takes back what is not sent yet"),
    ]
    managing = [("/setup", "sets the bot up: where, how much, where to log"), ("/quota", "says who may spend what")]
    plain(
        "about",
        lambda: cards.about_card(models=models, retention_days=90, operator="Anna (anna@example.org)", version="0.1.0"),
    )
    plain("help", lambda: cards.help_card(commands=commands, models=models, retention_days=7, operator="Anna"))
    plain(
        "help-managing",
        lambda: cards.help_card(commands=commands, managing=managing, models=models, retention_days=None),
    )
    from tests.ui_samples_admin import privacy_samples, usage_samples
    from tests.ui_samples_found import found_samples
    from tests.ui_samples_operator import operator_samples
    from tests.ui_samples_quotas import quota_samples
    from tests.ui_samples_results import result_samples

    admin = privacy_samples() | quota_samples() | usage_samples() | operator_samples()
    return found | result_samples() | found_samples() | admin
