"""Look at an older system: what keeps credits, what is wrong with it, and whom it owes."""
