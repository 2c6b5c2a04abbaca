"""Documents in folders, as numbered lines of text: list, search, match, read."""
