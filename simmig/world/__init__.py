"""The world of a run: everything a scenario names, read, drawn and computed; nothing in it changes any more."""

from simmig.world.build import build_world
from simmig.world.market import MarketRules
from simmig.world.model import Fault, Rsus, Vehicles, World

__all__ = ["Fault", "MarketRules", "Rsus", "Vehicles", "World", "build_world"]
