"""`simmig sweep`: plans and options, what is printed and written, failures, and Ctrl-C."""

import csv
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from studied import Here, write_street

from simmig.cli import study
from simmig.cli.main import main
from simmig.cli.study_plan import Asked, plan_of
from simmig.compare.store import Store
from simmig.compare.studies.record import read_record


@pytest.fixture
def folder(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with street.toml, its traces, and an agent."""
    write_street(repository, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIMMIG_RUNS", "runs")
    return tmp_path


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the runs in this process."""
    monkeypatch.setattr(study, "_workers", lambda *_: Here())


@pytest.fixture
def ran(here: None, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """ran(*arguments): exit code, standard output and error of a command."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def test_a_sweep_prints_a_row_for_each_combination_and_makes_nothing_twice(
    folder: Path, ran: Callable[..., tuple[int, str, str]]
) -> None:
    arguments = ("sweep", "street.toml", "--vary", "market.round_s=0.2,0.5", "--seeds", "2", "--name", "mine")
    code, out, err = ran(*arguments)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "mine: 4 runs (2 combinations, 2 seeds): 4 to make"
    assert lines[1] == "done 4"
    assert lines[3].split("  ")[0] == "market.round_s"
    # By hand, see street.toml: 2.3319 s, of twelve cars one waits 1/3 s more, and all for the end of their rounds, in
    # all 0.6 s where a round has 0.2 s, 1.0 s where it has 0.5 s.
    assert [line.split()[:3] for line in lines[4:6]] == [["0.2", "2", "2.41"], ["0.5", "2", "2.443"]]
    assert lines[-1] == "results   runs/store/studies/mine/results.csv"
    code, again, _ = ran(*arguments)
    assert code == 0
    assert again.splitlines()[0] == "mine: 4 runs (2 combinations, 2 seeds): 4 in the store, 0 to make"
    assert again.splitlines()[1:] == lines[1:]
    record = read_record(folder / "runs" / "store" / "studies" / "mine.json")
    assert shlex.split(record.command)[1:] == ["sweep", *arguments[1:4], *arguments[4:]]
    with (folder / "runs/store/studies/mine/results.csv").open(newline="") as file:
        found = [(row["market.round_s"], row["seed"], row["status"]) for row in csv.DictReader(file)]
    assert found == [("0.2", "0", "done"), ("0.2", "1", "done"), ("0.5", "0", "done"), ("0.5", "1", "done")]


def test_a_dry_run_lists_the_runs_and_writes_nothing(folder: Path, ran: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = ran("sweep", "street.toml", "--vary", "market.round_s=0.2,0.5", "--seeds", "3,8", "--dry-run")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == ["market.round_s", "seed", "key", "status"]
    assert [line.split()[:2] for line in lines[1:5]] == [["0.2", "3"], ["0.2", "8"], ["0.5", "3"], ["0.5", "8"]]
    assert lines[5] == "4 different runs; nothing was run"
    assert not (folder / "runs").exists()


def test_json_is_one_document(folder: Path, ran: Callable[..., tuple[int, str, str]]) -> None:
    given = ("--seeds", "2", "--measure", "welfare", "--out", "there", "--store", "kept", "--json")
    code, out, err = ran("sweep", "street.toml", *given)
    document = json.loads(out)
    assert code == 0
    assert err.startswith("street-sweep-")
    assert (document["runs"], document["done"], document["failed"]) == (2, 2, 0)
    [cell] = document["cells"]
    assert (cell["labels"], cell["done"]) == ({}, 2)
    assert cell["means"]["welfare"]["n"] == 2
    # Twelve rounds of one sale each, or two of them together: 3.6 for a sale.
    assert cell["means"]["welfare"]["mean"] == pytest.approx(3.6 * 12 / 11)
    assert document["results"] == str(Path("there") / "results.csv")
    assert (folder / "there" / "results.csv").is_file()
    record = read_record(Path("kept/studies") / f"{document['study']}.json")
    assert Store.open("kept").keys() == sorted(run.key for run in record.runs)


def test_failures_are_told_as_they_come_grouped_at_the_end_and_end_with_1(
    folder: Path, ran: Callable[..., tuple[int, str, str]]
) -> None:
    arguments = (
        "sweep",
        "street.toml",
        "--leaders",
        'greedy,{ kind = "moody.py", share = 0.1 }',
        "--seeds",
        "2,3,9",
    )
    code, out, err = ran(*arguments)
    assert code == 1
    assert err.startswith("failed: leaders=moody.py, seed=")
    assert "agent: leader agent 'moody.py', round " in err
    failed = len(err.splitlines())
    lines = out.splitlines()
    assert lines[1] == f"done {6 - failed}, failed {failed}"
    assert lines[2].startswith(f"  {failed} x agent: leader agent 'moody.py', round ")
    assert lines[3].startswith("      leaders=moody.py, seed=")
    code, out, err = ran(*arguments)
    assert (code, err) == (1, "")
    assert f"{failed} failed before (--retry-failed makes them again), 0 to make" in out
    code, _, err = ran(*arguments, "--retry-failed")
    assert code == 1
    assert len(err.splitlines()) == failed


def test_a_flood_of_equal_failures_is_counted(folder: Path, ran: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = ran("sweep", "street.toml", "--leaders", '{ kind = "moody.py", share = 1.0 }', "--seeds", "7")
    assert code == 1
    lines = err.splitlines()
    assert len(lines) == 5
    assert lines[-1].endswith(" (others like this one are counted only)")
    assert "7 x agent: " in out
    assert "seed=0; leaders=moody.py, seed=1; leaders=moody.py, seed=2 and 4 more" in out


def test_a_plan_file_says_the_same_as_options(folder: Path, ran: Callable[..., tuple[int, str, str]]) -> None:
    (folder / "plan.toml").write_text(
        'schema = 1\nname = "mine"\nscenario = "street.toml"\nseeds = 5\n[vary]\nmarket.round_s = [0.2, 0.5]'
    )
    _, by_plan, _ = ran("sweep", "plan.toml", "--seeds", "2", "--set", "duration_s=80.0", "--dry-run")
    options = ("--vary", "market.round_s=0.2,0.5", "--seeds", "2", "--set", "duration_s=80.0", "--dry-run")
    _, by_options, _ = ran("sweep", "street.toml", *options)
    assert by_plan == by_options
    assert len(by_plan.splitlines()) == 6


def asked(*vary: str, **changes: Any) -> Asked:
    given: dict[str, Any] = dict.fromkeys(("leaders", "followers", "samples", "seeds", "name"))
    given |= {"settings": [], "measures": [], **changes}
    return Asked("sweep", Path("street.toml"), list(vary), **given)


def test_options_become_a_plan(folder: Path) -> None:
    plan, _, source = plan_of(
        asked(
            *("radio.tx_power_dbm=20:46:5", "fleet.cars.twin.cycles=1e9:5e9:3:log", "rsus.radius_m=1:4:int"),
            *("fleet.cars.kind=av,uav", "x=1:2:3,4"),
            leaders='greedy,{ kind = "moody.py" }',
            seeds="3,8,",
            samples=4,
            settings=["duration_s=4.0"],
        )
    )
    assert source is None
    vary = {path: axis if isinstance(axis, tuple) else axis.model_dump() for path, axis in plan.vary.items()}
    span = {"points": None, "scale": "linear", "integer": False}
    assert vary == {
        "radio.tx_power_dbm": {**span, "low": 20, "high": 46, "points": 5},
        "fleet.cars.twin.cycles": {**span, "low": 1e9, "high": 5e9, "points": 3, "scale": "log"},
        "rsus.radius_m": {**span, "low": 1, "high": 4, "integer": True},
        "fleet.cars.kind": ("av", "uav"),
        "x": ("1:2:3", 4),
    }
    assert [player.model_dump() for player in plan.leaders] == [{"kind": "greedy"}, {"kind": "moody.py"}]
    assert (plan.seeds, plan.method, plan.samples, plan.set) == ((3, 8), "latin_hypercube", 4, ("duration_s=4.0",))


def test_a_study_keeps_its_name_with_more_seeds_and_gets_another_with_other_values(folder: Path) -> None:
    names = [
        plan_of(asked("market.round_s=1,2", seeds="3"))[0].name,
        plan_of(asked("market.round_s=1,2", seeds="9", measures=["welfare"]))[0].name,
        plan_of(asked("market.round_s=1,3"))[0].name,
    ]
    assert names[0] == names[1] != names[2]
    assert names[0].startswith("street-sweep-")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["gone.toml"], "gone.toml: no such file"),
        (["street.toml", "--vary", "x"], "--vary x: expected PATH=VALUES, such as market.round_s=0.2,0.5"),
        (["street.toml", "--vary", "x=1,,2"], "--vary x=1,,2: '': expected a TOML value"),
        (["street.toml", "--vary", "x=2:1:3"], "simmig sweep --vary x: 1: expected more than low, which is 2"),
        (["street.toml", "--vary", "x=1:2"], "simmig sweep --vary x: "),
        (["street.toml", "--vary", "seed=1"], "simmig sweep --vary seed: 'seed': expected seeds to be used for that"),
        (["street.toml", "--seeds", "x"], "--seeds x: expected how many, such as 30, or a list such as 3,5,8"),
        (["street.toml", "--seeds", "0"], "simmig sweep --seeds: 0: expected how many, from 1"),
        (["street.toml", "--name", "a/b"], "simmig sweep --name: 'a/b': expected a name of letters"),
        (["street.toml", "--latin-hypercube", "3"], "simmig sweep --method: 'latin_hypercube': expected something in"),
        (["street.toml", "--measure", "welfar"], "measure 'welfar': not known (did you mean \"welfare\"?)"),
        (["street.toml", "--leaders", "gredy"], "--leaders: agents.leaders.kind: agent 'gredy': no agent has"),
        (["street.toml", "--set", "x=1"], "--set x=1: x: 1: unknown key"),
        (
            ["street.toml", "--set", "seed=1"],
            "simmig sweep --set: 'seed=1': expected a setting that stays",
        ),
        (["plan.toml", "--vary", "x=1"], "simmig sweep --vary: plan.toml is a plan, expected a scenario"),
        (["plan.toml", "--seeds", "0"], "simmig sweep --seeds: 0: expected how many"),
        (["street.toml", "--store", "."], ".: holds "),
    ],
)
def test_wrong_input_is_one_line_that_names_the_option(
    folder: Path, ran: Callable[..., tuple[int, str, str]], arguments: list[str], expected: str
) -> None:
    (folder / "plan.toml").write_text('schema = 1\nname = "mine"\nscenario = "street.toml"')
    code, out, err = ran("sweep", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(expected)
    assert err.count("\n") == 1
    assert not (folder / "runs").exists()


def test_every_wrong_combination_is_told_before_anything_runs(
    folder: Path, ran: Callable[..., tuple[int, str, str]]
) -> None:
    code, _, err = ran("sweep", "street.toml", "--vary", "market.round_s=0.5,-1,x", "--leaders", "greedy,gredy")
    assert code == 2
    assert err.splitlines() == [
        "--leaders: agents.leaders.kind: agent 'gredy': no agent has this name (did you mean \"greedy\"?)",
        "--vary market.round_s=-1: market.round_s: -1: expected 1e-06 to 100000 s",
        "--vary market.round_s=\"x\": market.round_s: 'x': expected a number",
    ]
    assert not (folder / "runs").exists()


# --- with processes -------------------------------------------------------------------------------------------------


def started(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "simmig", "sweep", "street.toml", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def waited_for(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    end_s = time.monotonic() + 120.0
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < end_s
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("moment", "number"),
    [("record", signal.SIGINT), ("worker", signal.SIGINT), ("run", signal.SIGINT), ("run", signal.SIGTERM)],
)
def test_ctrl_c_ends_everything_at_once_and_tells_how_to_go_on(folder: Path, moment: str, number: int) -> None:
    given = ("--leaders", '{ kind = "moody.py", wait_s = 0.05 }', "--seeds", "4", "--name", "mine", "--workers", "1")
    process = started(*given)
    me = psutil.Process(process.pid)
    store = folder / "runs" / "store"
    conditions: dict[str, Callable[[], object]] = {
        "record": (store / "studies" / "mine.json").exists,
        "worker": lambda: me.children(recursive=True),
        "run": lambda: list(store.glob("runs/*/*")),
    }
    waited_for(conditions[moment], process)
    children = me.children(recursive=True)
    start_s = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    # Of a machine that is busy with other things, this one has only its share.
    assert time.monotonic() - start_s < 2.0 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert process.returncode == 130, (out, err)
    _, left = psutil.wait_procs(children, timeout=1.0)
    # Where nobody reaps the children of the dead, what has ended stays as a zombie.
    assert [child for child in left if child.status() != psutil.STATUS_ZOMBIE] == []
    lines = err.splitlines()
    assert lines[-2] == "interrupted; to go on:"
    assert shlex.split(lines[-1]) == ["simmig", "sweep", "street.toml", *given]
    kept = Store.open(store)
    assert kept.verify() == []
    if moment == "run":
        assert len(kept.keys()) >= 1
        assert f"{len(kept.keys())} of 4 runs done, and kept in runs/store" in lines


def test_an_interrupted_sweep_that_goes_on_has_the_same_results(
    folder: Path, here: None, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--leaders", '{ kind = "moody.py", wait_s = 0.02 }', "--seeds", "3", "--name", "mine")
    process = started(*given, "--workers", "1")
    waited_for(lambda: list((folder / "runs/store").glob("runs/*/*")), process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    before = len(Store.open("runs/store").keys())
    assert 1 <= before < 3
    assert main(["sweep", "street.toml", *given]) == 0
    assert f" {before} in the store, {3 - before} to make\n" in capsys.readouterr().out
    assert main(["sweep", "street.toml", *given, "--store", "other"]) == 0
    results = "studies/mine/results.csv"
    assert Path("runs/store", results).read_bytes() == Path("other", results).read_bytes()
