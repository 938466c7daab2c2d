"""The tables of the bot's own memory: facts by their names, and the prices it has learned."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text

from bot.storage.metadata import metadata

facts = Table(
    "facts",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", Text, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
)

learned_prices = Table(
    "learned_prices",
    metadata,
    Column("model", String, primary_key=True),
    Column("resolution", String, primary_key=True),  # "" for models that have none
    Column("credits", Integer, nullable=False),
    Column("base_credits", Integer, nullable=False),  # the page's price then
    Column("learned_at_ms", BigInteger, nullable=False),
)
