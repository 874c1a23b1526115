"""Read an older system: its catalog, its words, its functions, and queries of its rows."""
