"""The older system's functions and tables under their old names, on top of pgcredits."""
