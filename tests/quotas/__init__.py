"""A server's credits and quotas twice: as a plain model reckons them, and as the bot keeps them."""
