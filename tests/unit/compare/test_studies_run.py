"""Studies that are run: the store's part, failures, interruption, and the numbers that come out."""

import csv
import json
import math
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from studied import Here, write_street

from simmig.compare.identity import fingerprint
from simmig.compare.jobs import Outcome
from simmig.compare.statistics import Resampling
from simmig.compare.store import Store
from simmig.compare.studies import measured
from simmig.compare.studies.driving import drive, grouped_failures, take_stock
from simmig.compare.studies.record import Run, read_record
from simmig.compare.studies.results import Row, check_measures, frame_of, read_rows, write_csv
from simmig.compare.studies.schema import load_study
from simmig.compare.studies.signals import Signals, one_interruption
from simmig.compare.studies.study import Study, make_study
from simmig.compare.studies.tabulating import fewest_seeds, figures
from simmig.compare.verdicts import permutation_p_value
from simmig.errors import InputError
from simmig.scenario import load_scenario


@pytest.fixture
def folder(tmp_path: Path, repository: Path) -> Path:
    """A folder with street.toml, its traces and an agent that fails by luck."""
    write_street(repository, tmp_path)
    return tmp_path


def study_of(folder: Path, text: str) -> tuple[Study, Store]:
    file = folder / "mine.toml"
    file.write_text(f'schema = 1\nname = "mine"\nscenario = "street.toml"\n{text}')
    store = Store.open(folder / "store", create=True)
    return make_study(load_study(file), folder, store.path, file, "simmig sweep mine.toml"), store


def ran(study: Study, store: Store, workers: Here | None = None, *, retry_failed: bool = False) -> dict[str, Outcome]:
    told: dict[str, Outcome] = {}
    lacking = take_stock(study, store, retry_failed=retry_failed).lacking
    drive(lacking, workers or Here(), Signals(), lambda outcome: told.update({outcome.key: outcome}))
    return told


def test_a_job_is_what_its_key_says(folder: Path) -> None:
    study, _ = study_of(folder, 'seeds = [3, 7]\nleaders = ["greedy", "monopoly"]\n[vary]\nmarket.round_s = [0.2, 1.0]')
    assert len(study.jobs) == 8
    for job in study.jobs:
        assert job.scenario == str(folder / "street.toml")
        assert fingerprint(load_scenario(job.scenario, job.overrides)) == job.key
    assert study.jobs[1].overrides == ("market.round_s=0.2", 'agents.leaders={ kind = "greedy" }', "seed=7")
    assert [(run.seed, run.labels) for run in study.record.runs[:3]] == [
        (3, {"leaders": "greedy", "market.round_s": "0.2"}),
        (7, {"leaders": "greedy", "market.round_s": "0.2"}),
        (3, {"leaders": "monopoly", "market.round_s": "0.2"}),
    ]


def test_runs_that_are_the_same_are_made_once(folder: Path) -> None:
    text = 'seeds = 2\nset = ["market.round_s=0.5"]\n[vary]\n"migration.retry_s" = [1, 1.0, 2.0]'
    study, _ = study_of(folder, text)
    keys = [run.key for run in study.record.runs]
    assert keys[:2] == keys[2:4] != keys[4:]
    assert [job.key for job in study.jobs] == [*keys[:2], *keys[4:]] == study.record.keys


def test_what_is_done_is_not_made_again(folder: Path) -> None:
    study, store = study_of(folder, "seeds = 2")
    stock = take_stock(study, store)
    assert (stock.done, stock.failed, len(stock.lacking)) == (0, 0, 2)
    told = ran(study, store)
    assert all(outcome.is_done and store.has(outcome.key) for outcome in told.values())
    more, _ = study_of(folder, "seeds = 3\nmeasures = ['welfare']")
    stock = take_stock(more, store)
    assert (stock.done, stock.failed, [job.overrides for job in stock.lacking]) == (2, 0, [("seed=2",)])
    again = Here()
    ran(study, store, again)
    assert again.made == []


def test_failures_end_nothing_are_kept_and_tried_again_only_if_asked(folder: Path) -> None:
    study, store = study_of(folder, 'seeds = 3\nleaders = ["greedy", { kind = "moody.py", share = 1.0 }]')
    told = ran(study, store)
    assert [outcome.cause for outcome in told.values()] == ["", "", "", "agent", "agent", "agent"]
    assert take_stock(study, store).failed == 3
    workers = Here()
    ran(study, store, workers)
    assert workers.made == []
    ran(study, store, workers, retry_failed=True)
    assert workers.made == [run.key for run in study.record.runs[3:]]
    rows = read_rows(study.record, store)
    assert [row.status for row in rows] == ["done"] * 3 + ["agent"] * 3
    assert "leader agent 'moody.py', round 0: RuntimeError at moody.py:" in rows[3].message
    assert (rows[3].folder, rows[3].measures, rows[0].folder) == (None, {}, store.folder(rows[0].run.key))


@pytest.mark.parametrize(("cause", "is_kept"), [("hung", True), ("memory", True), ("died", True), ("error", False)])
def test_the_end_of_a_process_is_recorded_for_it(folder: Path, cause: str, is_kept: bool) -> None:
    study, store = study_of(folder, "seeds = 2")
    key = study.jobs[0].key
    ended = Outcome(key, cause, "it said so")  # type: ignore[arg-type]
    told = ran(study, store, Here({key: ended}))
    failure = store.failure(key)
    assert (failure is not None) == is_kept
    rows = read_rows(study.record, store, told={key: told[key]})
    assert [(row.status, row.message) for row in rows] == [(cause, "it said so"), ("done", "")]
    status = [row.status for row in read_rows(study.record, store)]
    assert status == [cause if is_kept else "missing", "done"]


def test_an_interruption_ends_the_workers_and_keeps_what_is_done(folder: Path) -> None:
    study, store = study_of(folder, "seeds = 3")
    workers, before = Here(), signal.getsignal(signal.SIGINT)

    def on_outcome(_: Outcome) -> None:
        assert workers.is_open
        os.kill(os.getpid(), signal.SIGINT)

    with one_interruption() as signals:
        with pytest.raises(KeyboardInterrupt):
            drive(study.jobs, workers, signals, on_outcome)
        os.kill(os.getpid(), signal.SIGINT)  # the second is ignored
        with pytest.raises(KeyboardInterrupt):
            signals.check()
    assert signal.getsignal(signal.SIGINT) is before
    assert not workers.is_open
    assert take_stock(study, store).done == 1


def test_a_record_is_read_as_it_was_written(folder: Path) -> None:
    head = 'description = "é"\nseeds = 2\nleaders = ["greedy", "monopoly"]\nmeasures = ["welfare"]\n'
    study, store = study_of(folder, head + "[vary]\nmarket.round_s = [0.5]")
    file = store.path / "studies" / "mine.json"
    study.record.write(file)
    assert json.loads(file.read_text())["schema"] == 1
    back = read_record(file)
    assert back == study.record
    assert (back.varied, back.sides, back.measures) == (["market.round_s"], ["leaders"], ["welfare"])
    assert (back.command, back.scenario) == ("simmig sweep mine.toml", str(folder / "street.toml"))
    assert back.plan["seeds"] == [0, 1]
    assert store.verify() == []


def test_a_record_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "there.json").write_text('{"schema": 1, "runs": []}')
    with pytest.raises(InputError, match=r"gone.json: no such study; there are: there$"):
        read_record(tmp_path / "gone.json")
    with pytest.raises(InputError, match=r"there.json: not the record of a study"):
        read_record(tmp_path / "there.json")


def test_results_hold_one_line_for_each_run(folder: Path) -> None:
    leaders = 'leaders = ["greedy", { kind = "moody.py", share = 0.1 }]'
    study, store = study_of(folder, f"seeds = [3, 4]\n{leaders}\n[vary]\nmarket.round_s = [0.5]")
    ran(study, store)
    rows = read_rows(study.record, store)
    failed = [row.status == "agent" for row in rows]
    assert failed == [False, False, True, False]
    write_csv(rows, study.record, folder / "out" / "results.csv")
    with (folder / "out" / "results.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert list(found[0])[:6] == ["leaders", "market.round_s", "seed", "key", "status", "message"]
    for row, line, is_failed in zip(rows, found, failed, strict=True):
        assert (line["seed"], line["key"], line["status"]) == (str(row.run.seed), row.run.key, row.status)
        summary = None if is_failed else json.loads((store.folder(row.run.key) / "summary.json").read_text())
        expected = "" if summary is None else repr(summary["delay_s"]["total"]["mean"])
        assert line["total_delay_mean_s"] == expected
    frame = frame_of(rows, study.record)
    assert list(frame.columns[:7]) == ["leaders", "market.round_s", "seed", "key", "folder", "status", "message"]
    assert frame["folder"].isna().tolist() == failed
    assert frame["total_delay_mean_s"].isna().tolist() == failed


def test_measures_are_read_once_by_the_same_code(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study, store = study_of(folder, "seeds = 1\nset = ['duration_s=50.0']")  # before anybody asks: no delay
    ran(study, store)
    [first] = read_rows(study.record, store)
    assert math.isnan(first.value("total_delay_mean_s"))
    assert len([value for value in first.measures.values() if math.isfinite(value)]) >= 1
    read: list[Path] = []
    monkeypatch.setattr(measured, "read_measures", lambda folder, costly: read.append(folder) or {"welfare": 1.0})
    [second] = read_rows(study.record, store)
    assert repr(second) == repr(first)
    assert read == []
    monkeypatch.setattr(measured, "_code", lambda: "other")
    assert [row.measures for row in read_rows(study.record, store)] == [{"welfare": 1.0}]
    assert [row.measures for row in read_rows(study.record, store, ["regret"])] == [{"welfare": 1.0}]
    assert len(read) == 2
    (store.path / "studies" / "mine" / "measures.json").write_text("{")
    read_rows(study.record, store)
    assert len(read) == 3


def test_a_measure_that_there_is_not_is_named_with_the_nearest() -> None:
    check_measures(["welfare"])
    with pytest.raises(InputError, match=r"measure 'welfar': not known \(did you mean \"welfare\"\?\)"):
        check_measures(["welfare", "welfar"])


def row(agent: str, seed: int, value: float, setting: float = 1.0) -> Row:
    run = Run(f"{agent}{seed}{setting}", seed, {"x": setting}, {"leaders": agent})
    return Row(run, "agent" if math.isinf(value) else "done", "", None, {} if math.isinf(value) else {"welfare": value})


def test_the_figures_of_a_cell_are_over_the_runs_that_have_the_measure() -> None:
    rows = [row("a", 0, 1.0), row("a", 1, 3.0), row("a", 2, math.inf), row("a", 3, math.nan), row("b", 0, 5.0)]
    rows += [row("b", 0, math.nan, 2.0)]
    cells = figures(rows, ["welfare"])
    assert [(dict(cell.labels), cell.done, cell.runs) for cell in cells] == [
        ({"leaders": "a", "x": "1.0"}, 3, 4),
        ({"leaders": "b", "x": "1.0"}, 1, 1),
        ({"leaders": "b", "x": "2.0"}, 1, 1),
    ]
    count, mean = cells[0].means["welfare"]
    assert mean is not None
    assert (count, mean.estimate) == (2, 2.0)
    assert mean.high - 2.0 == pytest.approx(12.7062, abs=1e-4)  # Student's t of one degree of freedom, s / sqrt(n) = 1
    count, mean = cells[1].means["welfare"]
    assert mean is not None
    assert (count, mean.estimate) == (1, 5.0)
    assert math.isnan(mean.low)
    assert cells[2].means["welfare"] == (0, None)


def test_fewer_seeds_than_these_cannot_show_a_difference() -> None:
    # p of the clearest case, every difference of one sign, against 0.05 after Holm's correction for all comparisons.
    for comparisons in (1, 3, 5, 30):
        fewest = fewest_seeds(comparisons)
        smallest = [
            comparisons * permutation_p_value(np.ones((seeds, 1)), Resampling(seed=1)) for seeds in (fewest - 1, fewest)
        ]
        assert smallest[0] > 0.05 >= smallest[1]


def test_failures_that_differ_in_numbers_only_are_one_group() -> None:
    found = grouped_failures([("s=0", "round 3: no"), ("s=1", "round 17: no"), ("s=2", "gone")])
    assert found == {"round 3: no": ["s=0", "s=1"], "gone": ["s=2"]}
    keys = [("s=0", "key " + "a1" * 16), ("s=1", "key " + "f2" * 16)]
    assert list(grouped_failures(keys).values()) == [["s=0", "s=1"]]


def test_an_error_that_an_interruption_has_become_is_an_interruption() -> None:
    def interrupted() -> None:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        raise ValueError("as a library in C says it")

    with pytest.raises(KeyboardInterrupt), one_interruption():
        interrupted()
    with pytest.raises(ValueError, match="nothing to do with it"), one_interruption():
        raise ValueError("nothing to do with it")
