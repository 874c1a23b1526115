"""The speed of the money and of generations, each against a measure on the same server."""
