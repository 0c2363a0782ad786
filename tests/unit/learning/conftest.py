"""A market to learn in: the game of 002, Fig. 3, as a file."""

from pathlib import Path

import pytest
from roads import FIG3


@pytest.fixture
def fig3(tmp_path: Path) -> Path:
    """The game of 002, Fig. 3: p* = (13.036, 11.542)."""
    file = tmp_path / "fig3.toml"
    file.write_text(FIG3, encoding="utf-8")
    return file
