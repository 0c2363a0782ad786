"""Bimatrix games, in parts."""
