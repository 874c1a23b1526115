"""Move an existing credit system over.

source reads the older system, and plan says how each of its tables is read. inspect, move, compat,
settle and cleanup are the steps, as the commands of pgcredits adopt are named; move is run.
"""
