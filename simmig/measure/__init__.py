"""From the log and the trace to tables: when each vehicle was served, and what its migrations cost it."""
