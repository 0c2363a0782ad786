"""Steps from a trace to a better one: each takes a Trace, gives a new one, and counts what it did in its notes."""
