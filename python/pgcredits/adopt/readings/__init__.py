"""Which reading of an older system is right: each is tried against its history and its code."""
