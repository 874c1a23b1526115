"""Pay what an older system owes to its users for work that failed."""
