"""The immersion game of 001, in parts."""
