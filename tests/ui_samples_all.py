"""All samples under one name, with the worst there is to show of each."""

from dataclasses import replace
from functools import cache
from typing import Any

from bot.credits.repository import Entry
from bot.generations.refusals import MissingPermissions
from bot.generations.states import ReferenceState
from bot.generations.values import HistoryPage, Trouble
from bot.ui import cards, ids
from bot.ui.card import Card
from tests.ui_looking import looking, looking_longest
from tests.ui_samples import BALANCE, LONGEST, NOW_MS, S, Sample, files, picture, references, request, samples
from tests.ui_samples_found import longest_found
from tests.ui_samples_house import house_longest, house_samples
from tests.ui_samples_quotas import longest_quotas
from tests.ui_samples_results import longest_results

SAMPLES = samples()


def longest() -> dict[str, Sample]:
    """The worst that there is to show: longest texts, eight references, four pictures that all end differently."""
    found: dict[str, Sample] = {}
    for name, prompt in LONGEST.items():
        filename = (prompt.replace("\n", "_") * 5)[:246] + ".png"
        images = references(*[ReferenceState.UPLOADED] * 8, names=[filename])
        detail = f"{filename} has {prompt}"
        values: dict[str, Any] = {"prompt": prompt, "references": images, "private": True, "model_label": prompt}
        values["options"] = dict.fromkeys(("aspect_ratio", "resolution", "output_format", "image_resolution"), prompt)
        different = [
            picture(1, S.FAILED, failure_code="reference_refused", failure_detail=detail),
            picture(2, S.FAILED, failure_code="reference_refused", failure_detail="also " + detail),
            picture(3, S.UNKNOWN),
            picture(4, S.OVERDUE),
        ]
        absent = request(*different, **values)
        mixed = request(picture(1), *different[1:], **values)
        four = request(*(picture(n) for n in (1, 2, 3, 4)), **values)
        work = request(picture(1), *(picture(n, S.HELD) for n in (2, 3, 4)), trouble=Trouble.ACCOUNT, **values)
        found |= {
            f"{name}-failure": Sample(lambda v=absent: cards.failure_card(v)),
            f"{name}-mixed": Sample(lambda v=mixed: cards.result_card(v, files(v, fitted=True))),
            f"{name}-four": Sample(lambda v=four: cards.result_card(v, files(v, fitted=True))),
            f"{name}-work": Sample(lambda v=work: cards.result_card(v, files(v))),
            f"{name}-progress": Sample(lambda v=work: cards.progress_card(v)),
            f"{name}-picture": Sample(lambda v=mixed: cards.picture_card(v, files(v))),
            f"{name}-history": Sample(
                lambda v=mixed: cards.history_card(
                    HistoryPage(tuple(replace(v, id=f"{n:016x}") for n in range(cards.PAGE_SIZE)), 3, 9)
                )
            ),
            f"{name}-error": Sample(lambda p=prompt: cards.error_card(p)),
            f"{name}-refused": Sample(
                lambda d=detail, p=prompt: cards.refusal_card(
                    MissingPermissions((d,)), mends=[cards.Mend(p, ids.paint("a" * 16, 8))]
                )
            ),
            f"{name}-typed": Sample(lambda d=detail, p=prompt: cards.refusal_card(MissingPermissions((d,)), typed=p)),
            f"{name}-credits": Sample(
                lambda p=prompt: cards.credits_card(
                    BALANCE, [Entry(n, 1, "grant", 10**9, None, None, 5, "a", p, 5) for n in range(30)], NOW_MS, p
                )
            ),
            f"{name}-help": Sample(
                lambda p=prompt: cards.help_card(
                    commands=[(p, p)] * 3, managing=[(p, p)] * 3, models=[(p, 8)] * 6, retention_days=90, operator=p
                )
            ),
        }
        found |= {f"{name}-of-{what}": sample for what, sample in longest_results(prompt, filename).items()}
        found |= longest_found(name, prompt)
        found |= {f"{name}-of-{what}": sample for what, sample in longest_quotas(prompt).items()}
    return found


USUAL = SAMPLES | looking() | house_samples()
ALL = USUAL | longest() | looking_longest() | house_longest()


@cache
def drawn(name: str) -> Card:
    """Draw a sample, once for all who only look at it: the longest take their time."""
    return ALL[name].draw()
