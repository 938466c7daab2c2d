"""Faults of the process and of the machine it runs on: signals, a full or broken disk, a database in trouble."""
