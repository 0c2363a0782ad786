"""Pricing games: each plug-in file builds the game of one round and solves it, with a certificate."""
