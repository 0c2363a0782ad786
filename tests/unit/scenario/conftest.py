"""A folder with a scenario in it, and plug-ins as an installed simmig has them."""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from simmig.plugins import finding

SAMPLE = """\
schema = 1
name = "two-rsu-street"
seed = 7
duration_s = 600.0              # default: to the end of the traces

[[fleet]]
name = "cars"
kind = "av"                     # "av" or "uav"
trace = { path = "street.csv", format = "csv" }
twin = { size_bit = { uniform = [80e6, 400e6] }, cycles = 5e9, deadline_s = 3.0, count = 1 }
preferences = { alpha = 30.0, beta = 30.0 }

[rsus]
path = "rsus.csv"
defaults = { compute_hz = 15e9, arrival_per_s = 450, service_per_s = 500, bandwidth_hz = 20e6, cost = 0.1 }

[radio]
channel = { kind = "log_distance", exponent = 2.0 }
tx_power_dbm = 40.0
carrier_hz = 5.9e9
noise = { kind = "per_hz", figure_db = 9.0 }
fading = { kind = "rayleigh", mode = "ergodic" }
rate = { kind = "shannon" }
link = "rsu_to_rsu"

[migration]
trigger = { kind = "coverage_exit", margin_m = 20.0 }
transfer = { kind = "stop_and_copy" }
queue = { kind = "background_mm1" }

[market]
game = { kind = "social", leader_model = "anticipating" }
round_s = 0.5

[agents]
leaders = { kind = "stackelberg" }
followers = { kind = "best_response" }

[[fault]]
rsu = "r2"
at_s = 300.0
for_s = 30.0
"""


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry points of an installed simmig, also where the tests run from a plain checkout."""

    def entries(group: str) -> list[EntryPoint]:
        return [EntryPoint("builtin", "simmig_agents", group)] if group == "simmig.agents" else []

    monkeypatch.setattr(finding, "entry_points", entries)


@pytest.fixture
def sample(installed: None) -> str:
    """A scenario that uses every table but [social] and [qoe]."""
    return SAMPLE


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the files that the sample names."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "street.csv").write_text("id,t,x,y\n")
    (tmp_path / "rsus.csv").write_text("id,x_m,y_m,radius_m\n")
    return tmp_path
