"""What a server's life is made of, to be drawn at random: places, rules, requests, and what others do meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from tests.quotas.acts import Allow, Drive, Pause, Refund, SetRule, Zone
from tests.quotas.model import HOUR_MS, MODELS, SIZES, Said, Which

ZONES = ("Europe/Berlin", "America/Havana", "Africa/Cairo", "Pacific/Chatham", "Asia/Kathmandu", "Asia/Kolkata")
_ST_JOHNS = ("America/St_Johns", datetime(2010, 11, 5, 12, tzinfo=UTC))
STARTS = [
    # Clocks are changed in these weeks, in some of the places at midnight: back, and forward.
    *((zone, datetime(2026, 10, 22, 12, tzinfo=UTC)) for zone in ZONES[:4]),
    *((zone, datetime(2027, 3, 11, 12, tzinfo=UTC)) for zone in ZONES[:4]),
    # Back a minute after midnight, so that an hour of the day before comes again.
    *(_ST_JOHNS, _ST_JOHNS, _ST_JOHNS),
    # The 30th is left out.
    ("Pacific/Apia", datetime(2011, 12, 28, 12, tzinfo=UTC)),
]
ARTIST, PATRON = 401, 402
CHANNELS = (1, 2)

WHICH: st.SearchStrategy[Which] = st.sampled_from(
    [
        *(("everyone", 0), ("role", ARTIST), ("role", PATRON), ("member", 0), ("member", 2)),
        *(("newcomer", 3), ("newcomer", 40), ("channel", CHANNELS[0]), ("channel", CHANNELS[0]), ("server", 0)),
    ]
)
CREDITS = st.sampled_from(
    [("day", 0), ("day", 12), ("day", 60), ("week", 30), ("month", 50), ("month", 90), ("none", None)]
)
OTHERWISE = st.builds(
    Said,
    running=st.sampled_from([None, None, None, 0, 1, 2, 3]),
    size=st.sampled_from([None, None, None, 1, 2, 4]),
    models=st.sampled_from([None, None, None, None, ("*",), MODELS[:2], MODELS[1:], MODELS[2:]]),
    count=st.sampled_from([None, None, None, 1, 2, 3]),
).filter(lambda said: said != Said())
SAID = st.one_of(
    CREDITS.map(lambda said: Said(*said)),
    OTHERWISE,
    st.builds(lambda said, more: Said(*said, more.running, more.size, more.models, more.count), CREDITS, OTHERWISE),
)
BEGINNINGS: list[dict[Which, Said]] = [
    {},
    {("everyone", 0): Said("day", 12)},
    # Of two roles the one that leaves more, and a newcomer with less than that.
    {("role", ARTIST): Said("day", 12), ("role", PATRON): Said("month", 50), ("newcomer", 40): Said("week", 6)},
    # All together have less than each.
    {("everyone", 0): Said("none"), ("channel", CHANNELS[0]): Said("day", 30), ("server", 0): Said("week", 60)},
    # Who may ask for what: everyone for little, roles for more, here and as a newcomer for less.
    {
        ("everyone", 0): Said(running=1, size=1, models=MODELS[1:], count=1),
        ("role", ARTIST): Said(running=2, size=2, models=MODELS[:1], count=2),
        ("role", PATRON): Said(running=3, size=4, models=MODELS[2:], count=3),
        ("newcomer", 3): Said(running=1, size=1, count=1),
    },
    {
        ("channel", CHANNELS[0]): Said(running=2, size=2, models=MODELS[:2], count=2),
        ("server", 0): Said(running=3, count=3),
        ("member", 0): Said("none", running=1, size=4, models=("*",)),
    },
]
"""The first rules of a server; more come at random."""
PEOPLE = 3
KINDS = [(model, size) for model in MODELS for size in SIZES[model]]
ASKED = st.tuples(
    st.integers(0, PEOPLE - 1),
    st.sampled_from(CHANNELS),
    st.sampled_from(KINDS),
    st.integers(1, 4),
)
NTH = st.integers(0, 11)
SOMETHING = st.one_of(
    st.builds(SetRule, WHICH, st.one_of(SAID, SAID, st.none())),
    st.tuples(st.integers(0, PEOPLE - 1), st.integers(1, 30), st.sampled_from([None, None, 1, 10, 40])),
    st.builds(Zone, st.sampled_from(ZONES)),
    st.builds(Refund, NTH, st.integers(1, 12)),
    st.builds(Pause, st.sampled_from([True, True, False])),
    st.builds(Allow, st.booleans(), st.sampled_from([None, 0, 20, 60, 400])),
    st.builds(Drive, NTH, st.sampled_from(["sent", "rests", "made", "fails"]), st.integers(-16, 4)),
)
"""What others do meanwhile; a tuple is a grant."""
OFFSETS_MS = st.sampled_from(
    [-HOUR_MS, -HOUR_MS // 2, -1, -1, 0, HOUR_MS // 4 - 1, HOUR_MS // 4, HOUR_MS // 2, HOUR_MS, 12 * HOUR_MS]
)
OTHER_ZONE = st.sampled_from([*[None] * 8, *ZONES])
