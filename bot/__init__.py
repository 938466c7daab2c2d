"""A Discord bot that paints with Nano Banana Pro, and never loses a paid picture."""
