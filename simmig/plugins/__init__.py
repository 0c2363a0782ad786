"""Plug-ins: found by file, imported only when used, checked before anything runs with them."""

from simmig.plugins.finding import KINDS, available, summary
from simmig.plugins.loading import load, plugin_class

__all__ = ["KINDS", "available", "load", "plugin_class", "summary"]
