"""``python -m bot`` does what the console script does."""

from bot.cli import console

console()
