"""Environments for learners: the repeated game in tensors, and the simulation itself."""
