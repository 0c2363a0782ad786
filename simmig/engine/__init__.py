"""The engine: the only part that knows SimPy. It asks for decisions by yielding them and records what happened."""
