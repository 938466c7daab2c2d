"""One module for each step; see ``script.py.mako`` for its shape."""
