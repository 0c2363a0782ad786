"""Ctrl-C during a run: exit 130 within two seconds, and a folder that is marked partial or absent."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from roads import road


@pytest.fixture
def started(tmp_path):
    # Cars that shuttle for days: minutes of simulating.
    rows = ["id,t,x,y"]
    for car in range(40):
        rows += [f"c{car},{60 * k + car},{600 * (k % 2)},0" for k in range(20_000)]
    (tmp_path / "cars.csv").write_text("\n".join(rows) + "\n")
    scenario = tmp_path / "scenario.toml"
    scenario.write_text(road())
    process = subprocess.Popen(
        [sys.executable, "-m", "simmig", "run", str(scenario), "--out", str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    yield process, tmp_path
    if process.poll() is None:
        process.kill()
    process.communicate()


@pytest.mark.parametrize("after_s", [0.3, 5.0])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_a_partial_folder_or_none(started, after_s, number):
    process, folder = started
    time.sleep(after_s)
    assert process.poll() is None, process.communicate()
    process.send_signal(number)
    before = time.monotonic()
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - before < 2.0
    # Before Python has installed its handlers a signal just kills, which shells report as 128 + its number.
    assert process.returncode in (130, -number)
    if after_s > 1.0:
        assert process.returncode == 130
    assert "Traceback" not in errors
    out = folder / "out"
    if out.exists():
        assert json.loads((out / "run.json").read_text())["status"] == "partial"
        assert (out / "migrations.parquet").is_file()
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith(".")) == []
