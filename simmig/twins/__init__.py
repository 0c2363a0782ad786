"""What happens to a twin on its way: its transfer and its wait in the target's queue."""
