"""Markets to learn in: 002's Fig. 3 as a game file, and a small map as a scenario."""

from pathlib import Path

import pytest

FIG3 = """
schema = 1
name = "fig3"
game = { kind = "social" }
ties = [[0, 5, 5], [5, 0, 5], [5, 5, 0]]
[followers]
names = ["a", "b", "c"]
preferences = { alpha = [30, 25, 35], beta = 30 }
[leaders]
names = ["r1", "r2"]
cost = [3, 1]
price_max = 15
"""


@pytest.fixture
def fig3(tmp_path: Path) -> Path:
    """The game of 002, Fig. 3: p* = (13.036, 11.542)."""
    file = tmp_path / "fig3.toml"
    file.write_text(FIG3, encoding="utf-8")
    return file
