"""The report of a study: which agent is better, by how much and how sure that is, on one page."""

from simmig.compare.report.page import write_report

__all__ = ["write_report"]
