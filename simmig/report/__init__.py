"""One offline HTML page that tells what a run did, drawn from its tables."""

from simmig.report.html import render

__all__ = ["render"]
