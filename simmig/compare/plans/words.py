"""How a finding is put: verdicts, and numbers as a table has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from simmig.report.numbers import number

Verdict = Literal["reproduced", "shape only", "not reproduced"]
VERDICTS: tuple[Verdict, ...] = ("not reproduced", "shape only", "reproduced")


@dataclass(frozen=True, slots=True)
class Finding:
    """Our value, what the solved equilibrium has, the verdict, and why."""

    ours: str
    solved: str
    verdict: Verdict
    why: str


def overall(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the worst of them: a statement holds only if all its parts do."""
    return min(verdicts, key=VERDICTS.index)


def joined(reasons: Sequence[str], otherwise: str) -> str:
    """Return the reasons as one clause."""
    return "; ".join(reasons) if reasons else otherwise


def shown(value: float, digits: int = 3) -> str:
    """Return a number with few digits."""
    return number(float(value), digits)


def per_cent(share: float) -> str:
    """Return a share as a percentage of few digits."""
    return f"{100.0 * share:.3g} %"
