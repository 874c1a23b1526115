"""The plan: how each table of an older system is read, drafted for a person to change."""
