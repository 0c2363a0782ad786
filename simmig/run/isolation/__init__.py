"""Agents in processes of their own (`[agents] isolate = true`): whatever they do there, the run can name it.

The process gets each view, rebuilds it with the same numbers, asks the agent and sends back what it answers. An
exception, an endless loop, more memory than allowed, an exit or a crash ends the run with one line; so does
anything but an answer on the way back, which is read as plain numbers of a bounded size. What the process prints is
kept out of the run's own output.

It protects a run from mistakes, and its numbers from tampering. It is no jail: the process may read and write the
user's files, and a scenario's agents are also imported, though never asked, by the process that reads the scenario.
"""

from simmig.run.isolation.agent import IsolatedAgent, Limits, Named
from simmig.run.isolation.channel import Failure

__all__ = ["Failure", "IsolatedAgent", "Limits", "Named"]
