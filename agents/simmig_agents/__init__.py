"""Agents that ship with simmig, one file each; nothing in simmig imports this package."""
