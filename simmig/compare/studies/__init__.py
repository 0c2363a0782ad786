"""Studies: one scenario run many times, with other settings, agents and seeds, and what comes out of it.

A plan (a small TOML file, or the options of `simmig sweep` and `simmig compare`) is laid out as cells, one for each
combination; every cell is run with the same seeds, so that cells and agents are compared on the same luck.
"""
