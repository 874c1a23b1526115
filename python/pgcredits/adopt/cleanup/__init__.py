"""Find what nothing uses any more, copy it, and remove it."""
