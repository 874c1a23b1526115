"""Move an existing credit system over.

The package source reads the older system, and plan says how each of its tables is read. The others
are the steps, named as the commands of pgcredits adopt; only the command of move is called run.
"""
