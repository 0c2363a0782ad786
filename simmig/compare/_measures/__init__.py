"""How the measures of `simmig.compare.measures` are computed."""
