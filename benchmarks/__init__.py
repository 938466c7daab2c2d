"""Measures the bot as a process of its own beside a baseline, of the kind that tutorials show: docs/performance.md."""
