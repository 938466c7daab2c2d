"""Turns values into what Discord shows: pure functions from values to Components V2 views."""
