"""What is offered instead of a refused or a dear request."""

from __future__ import annotations

from typing import Any

import pytest

from bot.credits.quotas import LimitScope, QuotaExceeded
from bot.errors import BotError, ReferenceRefused, StorageDown
from bot.generations.mending import Change, PartMissing, cheaper, cost_of, mended, picture_price
from bot.generations.refusals import (
    DiskShort,
    MissingPermissions,
    NotAllowedHere,
    NotForYou,
    PersonalUseOff,
    QueueFull,
    Refused,
    Restarting,
    ServicePaused,
    TooManyAtOnce,
)
from bot.generations.values import Attachment, Derived, GenerationRequest, Parent, StoredImage
from bot.rivya import BadOption, Catalogue


def image(name: str, megabytes: float = 1) -> Attachment:
    return Attachment(url=f"https://x/{name}", filename=name, size_bytes=int(megabytes * 1_000_000))


def request(**values: Any) -> GenerationRequest:
    return GenerationRequest(**{"prompt": "a cat", **values})


def too_dear(left: int, cost: int = 32, scope: LimitScope = LimitScope.MEMBER) -> QuotaExceeded:
    return QuotaExceeded(scope, cost_credits=cost, left_credits=left, resets_at_ms=None)


def offered(error: BotError, wanted: GenerationRequest | None = None, catalogue: Catalogue | None = None) -> list[Any]:
    found = mended(error, wanted or request(), catalogue or Catalogue())
    return [(mend.change, mend.subject, mend.request.count, mend.cost_credits) for mend in found]


def learned(**prices: int) -> Catalogue:
    """The default model's prices by resolution: ``k1=8``."""
    catalogue = Catalogue()
    for size, price in prices.items():
        catalogue.learn_price("nano-banana-pro", f"{size[1:]}K", price)
    return catalogue


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (24, [(Change.FEWER, "3", 3, 24), (Change.MODEL, "Nano Banana 2", 4, 20)]),
        (12, [(Change.FEWER, "1", 1, 8), (Change.MODEL, "Nano Banana 2", 2, 10)]),
        (7, [(Change.MODEL, "Nano Banana 2", 1, 5)]),
        (4, [(Change.MODEL, "Nano Banana", 1, 3)]),
        (2, []),
        (0, []),
    ],
)
def test_too_dear_offers_what_can_be_paid(left: int, expected: list[Any]) -> None:
    assert offered(too_dear(left), request(count=4)) == expected
    assert offered(too_dear(left, scope=LimitScope.PROVIDER), request(count=4)) == []


def test_too_dear_at_4k_offers_a_smaller_size_first() -> None:
    catalogue = learned(k1=8, k2=12, k4=24)
    wanted = request(options={"resolution": "4K", "aspect_ratio": "16:9"})
    assert offered(too_dear(20, 24), wanted, catalogue) == [
        (Change.RESOLUTION, "2K", 1, 12),
        (Change.MODEL, "Nano Banana 2", 1, 5),
    ]
    assert offered(too_dear(10, 24), wanted, catalogue)[0] == (Change.RESOLUTION, "1K", 1, 8)
    (smaller, other) = mended(too_dear(20, 24), wanted, catalogue)
    assert smaller.request.options == {"resolution": "2K", "aspect_ratio": "16:9"}
    assert other.request.options == {"resolution": "4K", "aspect_ratio": "16:9"}


def test_another_model_must_take_the_request() -> None:
    many = tuple(image(f"{n}.png") for n in range(11))
    assert offered(too_dear(5, 8), request(references=many)) == [(Change.MODEL, "Nano Banana 2", 1, 5)]
    assert offered(too_dear(4, 8), request(references=many)) == []  # Nano Banana takes ten
    assert offered(too_dear(4, 8), request(references=(image("big.png", 11),))) == []  # of 10 MB each
    assert offered(too_dear(4, 8), request(prompt="x" * 6000)) == []  # and 5,000 characters


def test_a_model_that_is_closed_is_never_offered() -> None:
    class Listed:
        id, api_status, base_credits, max_prompt_length = "nano-banana-2", "coming_soon", None, None

    catalogue = Catalogue()
    catalogue.refresh([Listed()])  # type: ignore[list-item]
    assert offered(too_dear(7, 8), None, catalogue) == [(Change.MODEL, "Nano Banana", 1, 3)]
    closed = BadOption("model", "nano-banana-2", [], "closed")
    assert [kind for kind, *_ in offered(closed, request(model="nano-banana-2"), catalogue)] == [Change.MODEL] * 2


def test_cheaper_is_one_picture_then_a_smaller_one_then_another_model() -> None:
    catalogue = learned(k1=8, k2=8, k4=24)
    one = cheaper(request(count=3), catalogue)
    assert one is not None
    assert (one.change, one.cost_credits, one.request.count) == (Change.FEWER, 8, 1)
    small = cheaper(request(options={"resolution": "4K"}), catalogue)
    assert small is not None
    assert (small.change, small.subject, small.cost_credits) == (Change.RESOLUTION, "2K", 8)
    other = cheaper(request(), catalogue)
    assert other is not None
    assert (other.change, other.subject, other.cost_credits) == (Change.MODEL, "Nano Banana 2", 5)
    assert cheaper(request(model="nano-banana"), catalogue) is None
    assert cheaper(request(model="no such model"), catalogue) is None


def test_too_many_at_once_offers_what_there_is_room_for_or_the_same_later() -> None:
    assert offered(TooManyAtOnce(2, 4), request(count=4)) == [(Change.FEWER, "2", 2, 16)]
    assert offered(TooManyAtOnce(4, 4), request(count=2)) == [(Change.NOTHING, "", 2, 16)]


@pytest.mark.parametrize(
    "error", [QueueFull(), Restarting(), ServicePaused("key"), DiskShort(), StorageDown("locked")], ids=lambda e: e.code
)
def test_what_passes_can_be_tried_again(error: BotError) -> None:
    assert offered(error) == [(Change.NOTHING, "", 1, 8)]


@pytest.mark.parametrize(
    "error", [NotAllowedHere(), PersonalUseOff(), NotForYou(), Refused(user_message="no")], ids=lambda e: e.code
)
def test_what_does_not_pass_offers_nothing(error: BotError) -> None:
    assert offered(error) == []


def test_where_it_can_not_be_posted_it_is_private() -> None:
    (mend,) = mended(MissingPermissions(("Attach Files",)), request(count=2), Catalogue())
    assert (mend.change, mend.request.private, mend.cost_credits) == (Change.PRIVATE, True, 16)


def test_without_what_can_not_be_used() -> None:
    def left(filename: str, *images: Any, **values: Any) -> list[str] | None:
        found = mended(ReferenceRefused(filename, "is no good"), request(references=images, **values), Catalogue())
        return [kept.filename for kept in found[0].request.references] if found else None

    huge, large, fine = image("huge.png", 31), image("large.png", 40), image("fine.png")
    assert left("huge.png", fine, huge) == ["fine.png"]
    assert left("huge.png", huge, fine, large) == ["fine.png"]
    # One of the same name that is small enough stays.
    assert left("fine.png", image("fine.png", 31), fine) == ["fine.png"]
    gone = StoredImage(kind="tray", id="5", filename="gone.png", size_bytes=5)
    assert left("gone.png", gone, fine) == ["fine.png"]
    assert left("other.png", fine) is None
    # A picture that is to be changed can't be left out.
    source = StoredImage(kind="picture", id="a-1", filename="source.png", size_bytes=5)
    parent = Parent(request_id="a", position=1, derived_as=Derived.EDIT)
    assert left("source.png", source, fine, parent=parent) is None
    assert left("huge.png", source, huge, parent=parent) == ["source.png"]


def test_a_missing_part_is_gone_without() -> None:
    error = PartMissing("Your tray is empty.", part="the tray", without=request(count=2))
    (mend,) = mended(error, None, Catalogue())
    assert (mend.change, mend.subject, mend.request, mend.cost_credits) == (
        Change.WITHOUT_PART, "the tray", error.without, 16,
    )  # fmt: skip
    assert mended(QueueFull(), None, Catalogue()) == ()


def test_costs() -> None:
    catalogue = learned(k4=24)
    assert picture_price(catalogue, request(options={"resolution": "4K"})) == 24
    assert cost_of(catalogue, request(count=3, options={"resolution": "4K"})) == 72
    assert cost_of(catalogue, request(model="nano-banana", options={"resolution": "4K"})) == 3
    assert cost_of(catalogue, request(model="dall-e")) is None
