"""The social game of 002, in parts."""
