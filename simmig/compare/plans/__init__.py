"""Plans: which games to play with which agents, what to draw of it, and what a paper says that should come out."""
