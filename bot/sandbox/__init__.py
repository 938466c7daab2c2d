"""Plays the outside world for demo, tests and benchmarks; production wiring cannot reach it."""
