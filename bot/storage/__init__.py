"""Storage: one owner of the connections, the tables, what the database refuses by itself, and the migrations."""

from bot.storage.connection import Connection, Work
from bot.storage.database import Database, open_database

__all__ = ["Connection", "Database", "Work", "open_database"]
