"""The embodied game of 003, in parts."""
