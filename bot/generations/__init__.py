"""Requests and their pictures: accepted, run, delivered. Nothing here knows Discord or HTTP."""
