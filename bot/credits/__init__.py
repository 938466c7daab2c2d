"""Credits: an append-only ledger, the limits on it, and the check of its books."""
