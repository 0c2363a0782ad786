"""`simmig compare`: verdicts on the same luck, the report, and what happens where agents fail."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from studied import Here, write_street

from simmig.cli import study
from simmig.cli.main import main

FADING = 'radio.fading={ kind = "rayleigh", mode = "block", coherence_s = 0.01 }'


@pytest.fixture
def ran(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """ran(*arguments): exit code, standard output and error of a command in a folder with street.toml."""
    write_street(repository, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIMMIG_RUNS", "runs")
    monkeypatch.setattr(study, "_workers", lambda *_: Here())

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(("compare", *arguments))
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def test_agents_are_judged_on_the_same_luck(ran: Callable[..., tuple[int, str, str]]) -> None:
    leaders = '{ kind = "fixed_price", share = 0.3 },greedy'
    given = ("street.toml", "--leaders", leaders, "--seeds", "7", "--set", FADING, "--measure", "total_delay_mean_s")
    code, out, err = ran(*given, "--name", "mine")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "mine: 14 runs (2 combinations, 7 seeds): 14 to make"
    assert lines[3] == "total delay, mean (s), lower is better"
    assert [line.split()[0] for line in lines[4:6]] == ["fixed_price", "greedy"]
    assert [line.split()[-2:] for line in lines[4:6]] == [["7", "runs"]] * 2
    assert lines[6] == "  fixed_price is better than greedy."
    report = Path(lines[-1].removeprefix("report    "))
    assert report == Path("runs/store/studies/mine/report.html")
    text = report.read_text()
    assert "fixed_price is better than greedy." in text
    assert "simmig compare street.toml --leaders" in text


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write no report: its own tests do."""
    monkeypatch.setattr("simmig.compare.report.write_report", lambda rows, facts, out: out)


@pytest.mark.usefixtures("no_report")
def test_pairs_drop_the_seeds_that_one_of_them_failed_and_say_how_many(
    ran: Callable[..., tuple[int, str, str]],
) -> None:
    leaders = 'greedy,{ kind = "moody.py", share = 0.1 },{ kind = "moody.py", share = 1.0 }'
    given = ("street.toml", "--leaders", leaders, "--seeds", "6", "--measure", "welfare")
    code, out, err = ran(*given)
    assert code == 1
    failed = sum("moody.py (share=0.1)" in line for line in err.splitlines())
    assert 1 <= failed <= 4
    assert err.startswith("remark: 6 seeds cannot show any difference in 3 comparisons; 7 or more can\nfailed: ")
    assert f"  greedy and moody.py (share=0.1): {failed} of 6 seeds dropped, which not both have\n" in out
    assert re.search(r"^  moody.py \(share=1.0\) +- +0 runs$", out, re.MULTILINE)
    code, out, _ = ran(*given, "--json")
    assert code == 1
    document = json.loads(out)
    [verdict] = document["verdicts"]
    assert verdict["runs"] == {"greedy": 6, "moody.py (share=0.1)": 6 - failed, "moody.py (share=1.0)": 0}
    [comparison] = verdict["comparisons"]
    assert (comparison["a"], comparison["b"], comparison["seeds"]) == ("greedy", "moody.py (share=0.1)", 6 - failed)
    assert verdict["means"]["greedy"]["mean"] - verdict["means"]["moody.py (share=0.1)"]["mean"] == pytest.approx(
        comparison["difference"]["mean"]
    )
    assert document["failed"] == 6 + failed


@pytest.mark.usefixtures("no_report")
def test_every_setting_is_judged_for_itself(ran: Callable[..., tuple[int, str, str]]) -> None:
    given = ("--leaders", "greedy,fixed_price", "--vary", "market.round_s=0.2,0.5", "--seeds", "2")
    code, out, err = ran("street.toml", *given, "--measure", "welfare")
    assert (code, err) == (0, "remark: 2 seeds cannot show any difference in 2 comparisons; 7 or more can\n")
    assert [line for line in out.splitlines() if line.startswith("===")] == [
        *("=== market.round_s=0.2", "=== market.round_s=0.5")
    ]


def test_both_sides_may_be_compared(ran: Callable[..., tuple[int, str, str]]) -> None:
    given = ("--leaders", "greedy,monopoly", "--followers", "best_response,random", "--seeds", "2", "--dry-run")
    code, out, _ = ran("street.toml", *given, "--json")
    assert code == 0
    runs = json.loads(out)["runs"]
    assert [(run["leaders"], run["followers"], run["seed"]) for run in runs[:3]] == [
        ("greedy", "best_response", 0),
        ("greedy", "best_response", 1),
        ("greedy", "random", 0),
    ]
    assert len({run["key"] for run in runs}) == 8


@pytest.mark.parametrize("given", [(), ("--leaders", "greedy"), ("--vary", "market.round_s=0.2,0.5")])
def test_one_agent_is_not_compared(ran: Callable[..., tuple[int, str, str]], given: tuple[str, ...]) -> None:
    code, _, err = ran("street.toml", *given)
    assert (code, err) == (2, "simmig compare: expected two agents or more, such as --leaders stackelberg,greedy\n")
    assert not Path("runs").exists()
