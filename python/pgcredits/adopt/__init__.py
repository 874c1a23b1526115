"""Move an existing credit system over: look at it, plan, run, settle what it owes, clean up."""
