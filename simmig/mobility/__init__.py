"""Where vehicles are, where RSUs are, and exactly when one enters, leaves or changes the other."""
