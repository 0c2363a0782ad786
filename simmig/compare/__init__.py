"""Comparing agents: replications, statistics and what may be concluded from them."""
