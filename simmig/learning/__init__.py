"""What learned agents share: networks, policy optimisation, pruning, checkpoints, evaluation."""
