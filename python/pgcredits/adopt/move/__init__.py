"""Move an older system over, and prove that nothing was lost."""
