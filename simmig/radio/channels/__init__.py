"""Large-scale channels, one plug-in to a file: the file's name is its name in a scenario."""
