"""The report of a study: its verdicts in words, its figures, and that it is one page which asks nothing of anyone."""

import base64
import hashlib
import html
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from simmig.compare.measures import MEASURES, read_measures
from simmig.compare.report import write_report
from simmig.compare.report.grouping import Study
from simmig.compare.report.judging import in_words, judge
from simmig.compare.report.origin import seeds_text
from simmig.compare.report.page import render
from simmig.compare.statistics import Resampling
from simmig.errors import InputError
from simmig.rng import stream

VOID = {"meta", "br", "img", "link", "input", "hr"}
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "$\\frac{1}{$",
    "{{ 7*7 }}",
    "</svg></style>🚗",
)
RESAMPLING = Resampling(seed=0)


class Page(HTMLParser):
    """The tags, ids, links and text of a page; fails on a tag that does not close and on a handler in an attribute."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.links, self.open, self.told = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []
        self.text = " ".join("".join(self.told).split())

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name)
            if name == "id":
                self.ids.append(value)
            if name in {"src", "href", "xlink:href", "action", "data", "srcset", "poster"}:
                self.links.append(value)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.told.append(data)


def study_rows(agents=("admm", "greedy", "random"), seeds=10, settings=("",), labels=("leaders", "market.round_s")):
    """Rows of a made-up study: every agent's delay is its place in the list, in s, later ones are worse."""
    rng, rows = stream(1, "rows"), []
    for setting in settings:
        luck = rng.normal(size=seeds)
        for place, agent in enumerate(agents):
            for seed in range(seeds):
                own = 0.02 * rng.normal()
                rows.append(
                    {
                        labels[0]: agent,
                        **({labels[1]: setting} if setting else {}),
                        "seed": seed,
                        "key": f"{len(rows):032x}",
                        "folder": None,
                        "status": "done",
                        "message": "",
                        "total_delay_mean_s": 10.0 + luck[seed] + place + own,
                        "welfare": 5.0 + luck[seed] + own,
                        "demand_hz": 1e6 * (9.0 - place + own),
                        "regret": np.nan,
                    }
                )
    return pd.DataFrame(rows)


JUDGED = ["total_delay_mean_s", "welfare", "demand_hz"]
FACTS = {"title": "City", "description": "Three agents", "command": "simmig compare city.toml", "measures": JUDGED}


@pytest.fixture(scope="module")
def usual():
    return render(study_rows(), FACTS)


def words_of(rows, measure, **facts):
    study = Study.of(rows, {"measures": [measure], **facts})
    return [" ".join(in_words(judged)) for judged in judge(study, RESAMPLING)]


def test_verdicts_say_who_is_better_than_whom():
    rows = study_rows()
    assert words_of(rows, "total_delay_mean_s") == [
        "admm is better than greedy and random. greedy is better than random."
    ]
    assert words_of(rows, "demand_hz") == ["admm is higher than greedy and random. greedy is higher than random."]
    rows["welfare"] = -rows["total_delay_mean_s"]  # more is better
    assert words_of(rows, "welfare")[0].startswith("admm is better than greedy and random.")


def test_no_difference_is_called_so_with_a_hint_how_many_seeds_might_tell():
    rows = study_rows(seeds=8)
    (told,) = words_of(rows, "welfare")
    found = re.fullmatch(
        r"No difference seen between any of 3 agents\. A difference as large as that between \w+ and \w+ would show "
        r"with about [\d,]+ seeds; there are 8\.",
        told,
    )
    assert found, told
    two = study_rows(("a", "b"))
    two["welfare"] = two["seed"].astype(float)
    assert words_of(two, "welfare") == ["No difference seen."]


def test_what_is_unclear_is_told_beside_what_is_clear():
    rows = study_rows()
    rows.loc[rows["leaders"] == "greedy", "total_delay_mean_s"] -= 1.0  # as good as admm now
    (told,) = words_of(rows, "total_delay_mean_s")
    assert told.endswith("No difference seen between admm and greedy.")
    assert {"admm is better than random.", "greedy is better than random."} <= set(re.findall(r"\w+ is [^.]+\.", told))


def test_with_a_reference_only_it_is_compared():
    study = Study.of(study_rows(), {**FACTS, "reference": "greedy"})
    pairs = {(c.a, c.b) for judged in judge(study, RESAMPLING) for c in judged.comparisons}
    assert pairs == {("admm", "greedy"), ("random", "greedy")}


def test_p_values_are_corrected_for_every_comparison_of_the_report():
    rows = study_rows(settings=("0.5", "1.0"))
    judged = judge(Study.of(rows, FACTS), RESAMPLING)
    assert len(judged) == 6
    found = sorted((c.p_value, c.p_corrected) for of in judged for c in of.comparisons)
    assert len(found) == 18
    assert found[0][0] == 2 / 2**10
    assert found[0][1] == pytest.approx(18 * 2 / 2**10)


def test_a_pair_is_compared_on_the_seeds_that_both_have():
    rows = study_rows()
    rows.loc[(rows["leaders"] == "greedy") & (rows["seed"] < 3), "status"] = "agent"
    rows.loc[(rows["leaders"] == "random") & (rows["seed"] > 6), "total_delay_mean_s"] = np.nan
    judged = judge(Study.of(rows, {"measures": ["total_delay_mean_s"]}), RESAMPLING)[0]
    assert {(c.a, c.b): c.seeds for c in judged.comparisons} == {
        ("admm", "greedy"): 7,
        ("admm", "random"): 7,
        ("greedy", "random"): 4,
    }
    assert judged.runs == {"admm": 10, "greedy": 7, "random": 7}


def test_agents_that_nobody_can_compare_are_no_error():
    rows = study_rows(("a", "b"), seeds=1)
    assert words_of(rows, "welfare") == ["Nothing to compare: fewer than two agents with two seeds in common."]
    rows = study_rows(("a",))
    assert "Nothing to compare" in Page(render(rows, FACTS)).text
    rows["status"] = "hung"
    page = Page(render(rows, {}))
    assert "Only 0 of 10 (0 %) of the runs have a result" in page.text


def test_both_sides_of_a_market_tell_agents_apart_and_the_rest_is_a_setting():
    rows = study_rows(settings=("0.5", "1.0"))
    rows.insert(1, "followers", "best_response")
    study = Study.of(rows, {})
    assert study.agents == ("admm and best_response", "greedy and best_response", "random and best_response")
    assert study.settings == ("market.round_s=0.5", "market.round_s=1.0")
    by_round = Study.of(rows, {"compare": ["market.round_s"]})
    assert by_round.agents == ("0.5", "1.0")
    assert by_round.settings[0] == "leaders=admm, followers=best_response"
    assert Study.of(rows[["market.round_s", "seed", "key", "folder", "status"]], {}).agents == ("0.5", "1.0")


def test_measures_that_no_run_has_are_left_out_and_those_asked_for_kept():
    rows = study_rows()
    assert [m.name for m in Study.of(rows, {}).measures] == ["welfare", "total_delay_mean_s"]
    assert [m.name for m in Study.of(rows, {"measures": ["regret", "price"]}).measures] == ["regret", "price"]
    assert "Nothing to compare" in Page(render(rows, {"measures": ["regret", "price"]})).text


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"measures": ["welfair"]}, r'measure \'welfair\': not known \(did you mean "welfare"\?\)'),
        ({"compare": ["leader"]}, r'compare \'leader\': expected a label of the runs \(did you mean "leaders"\?\)'),
        ({"reference": "admn"}, r'reference \'admn\': no such agent \(did you mean "admm"\?\)'),
    ],
)
def test_what_is_not_there_is_refused(facts, expected):
    with pytest.raises(InputError, match=expected):
        render(study_rows(), facts)


def test_a_table_without_runs_is_refused(tmp_path):
    with pytest.raises(InputError, match="has no row"):
        render(study_rows().iloc[:0], {})
    with pytest.raises(InputError, match="no column 'status'"):
        render(study_rows().drop(columns="status"), {})
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_report(study_rows(), FACTS, tmp_path / "file" / "report.html")


def test_the_page_asks_nothing_of_the_network(usual):
    page = Page(usual)
    assert not {"iframe", "object", "embed", "link", "img", "form", "base"} & set(page.tags)
    assert page.tags.count("script") == 1
    assert all(link.startswith("#") for link in page.links)
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert not re.search(r"url\((?!#)|@import", usual)
    script = re.search(r"<script>(.*?)</script>", usual, re.DOTALL)[1]
    assert not re.search(r"fetch|XMLHttp|import|innerHTML|eval|location|cookie|storage|http", script, re.IGNORECASE)
    # Nothing may run but this very script.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', usual)[1])
    assert f"script-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")


def test_the_page_says_what_was_compared_and_how(usual):
    text = Page(usual).text
    for part in (
        "3 agents, 30 runs. Values are means over the runs with their interval. Verdicts are corrected for all 9",
        "total delay, mean (s), lower is better",
        "bandwidth sold (MHz) ",
        "simmig compare city.toml",
        "0 to 9",
        "30 of 30 (100 %)",
        "Every run has a result.",
        "Holm's (1979) correction for all 9 comparisons",
    ):
        assert part in text
    assert 'role="alert"' not in usual


def test_values_are_shown_in_the_unit_of_the_measure(usual):
    mean = study_rows().query("leaders == 'greedy'")["demand_hz"].mean() / 1e6
    assert f'<span class="value">{mean:.2f}</span>' in usual


def test_names_of_users_are_text_and_nothing_else():
    rows = study_rows(HOSTILE, settings=HOSTILE[:2], labels=("leaders", "<b>$x$"))
    rows.loc[0, ["status", "message"]] = "agent", f"agent {HOSTILE[1]} broke {HOSTILE[0]}"
    facts = {"title": HOSTILE[0], "description": HOSTILE[1], "command": HOSTILE[2] + HOSTILE[0], "plan": HOSTILE[4]}
    text = render(rows, {**facts, "measures": JUDGED})
    page = Page(text)
    assert page.tags.count("script") == 1
    assert not {"img", "b", "text/html"} & set(page.tags)
    for name in HOSTILE:
        assert page.text.count(name) >= 4, name
    assert "49" not in re.findall(r"\d+", page.text.partition("Verdicts")[0])


def test_failures_are_listed_with_their_reason():
    rows = study_rows()
    rows.loc[[3, 17], "status"] = ["hung", "memory"]
    rows.loc[3, "message"] = "no answer within 60 s\nin round 7"
    text = render(rows, FACTS)
    page = Page(text)
    assert 'role="alert"' in text
    assert "Only 28 of 30 (93.3 %) of the runs have a result" in page.text
    assert "hung" in page.text
    assert "no answer within 60 s in round 7" in page.text
    assert f"{3:032x}"[:12] in page.text


def test_the_same_runs_give_the_same_page(usual, tmp_path):
    assert render(study_rows(), FACTS) == usual
    assert write_report(study_rows(), FACTS, tmp_path / "new" / "report.html").read_text(encoding="utf-8") == usual


def test_settings_have_a_figure_across_them_and_only_the_first_ones_of_their_own():
    rows = study_rows(seeds=4, settings=[str(k) for k in range(1, 7)])
    page = Page(render(rows, FACTS))
    assert "figure-settings" in page.ids
    assert {f"figure-differences-{k}" for k in range(4)} <= set(page.ids)
    assert "figure-differences-4" not in page.ids
    assert "Drawn for the first 4 settings of 6." in page.text
    assert page.text.count("market.round_s=6") >= 2  # verdicts and numbers


@pytest.fixture(scope="module")
def folders(repository, simulate_file, tmp_path_factory):
    """Rows of two agents on the street, two seeds each, with their folders."""
    rows, street = [], repository / "scenarios" / "street.toml"
    for agent in ("stackelberg", "fixed_price"):
        for seed in (1, 2):
            overrides = (f"seed={seed}", f"agents.leaders.kind={agent}", "duration_s=70.0")
            folder = simulate_file(street, tmp_path_factory.mktemp("runs") / f"{agent}-{seed}", overrides).folder
            cell = {"leaders": agent, "seed": seed, "key": f"{seed}", "folder": str(folder), "status": "done"}
            rows.append({**cell, **read_measures(folder)})
    return pd.DataFrame(rows)


def test_runs_in_folders_give_delays_paths_versions_and_the_paper_of_their_game(folders):
    text = render(folders, FACTS)
    page = Page(text)
    assert {"figure-delay-0", "figure-paths-0"} <= set(page.ids)
    assert "figure-curves" not in page.ids
    assert "When Metaverses Meet Vehicle Road Cooperation" in page.text
    assert "Tiny Multi-Agent DRL" not in page.text
    assert re.search(r"simmig \d+\.\d+\.\d+ \(results version \d+", page.text)
    assert "different sets of versions" not in page.text
    assert "stackelberg: 8 in 2 runs" in page.text
    # A mark of every agent can be found by the script.
    for place in range(2):
        assert re.search(rf'id="delay-0-a{place}-\d+"', text)
    assert MEASURES["price"].label in page.text


def changed_copies(folders, tmp_path, change):
    """The rows with copies of their folders, whose run.json `change` has been at."""
    rows = folders.copy()
    for k, folder in enumerate(folders["folder"]):
        shutil.copytree(folder, tmp_path / str(k))
        document = json.loads((tmp_path / str(k) / "run.json").read_text())
        change(k, document)
        (tmp_path / str(k) / "run.json").write_text(json.dumps(document))
    rows["folder"] = [str(tmp_path / str(k)) for k in range(len(rows))]
    return rows


def test_policies_have_their_learning_curves(folders, tmp_path):
    policy = tmp_path / "trained" / "policy.json"

    def learned(k, document):
        if k < 2:
            document["scenario_folder"] = ".."
            document["agent_files"] = {"leaders": {"policy": "trained/policy.json", "policy_sha256": "ab"}}

    policy.parent.mkdir()
    lines = [{"iteration": k, "plays": 9 * k, "cpu_s": 0.1 * k, "price": [8.0 + k, 9.0]} for k in range(1, 40)]
    (policy.parent / "curve.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    page = Page(render(changed_copies(folders, tmp_path, learned), FACTS))
    assert "figure-curves" in page.ids
    assert page.text.count("stackelberg: trained/policy.json") == 1  # one policy, though two runs played it
    assert len([name for name in page.ids if name.startswith("curves-a0-")]) == 1


def test_runs_of_different_versions_carry_a_warning(folders, tmp_path):
    def older(k, document):
        document["simmig_version"] = "0.0.9" if k == 3 else document["simmig_version"]

    page = Page(render(changed_copies(folders, tmp_path, older), FACTS))
    assert "The runs were made with 2 different sets of versions" in page.text
    assert "simmig 0.0.9 (" in page.text


def test_papers_are_named_as_citation_cff_names_them(repository):
    from simmig.compare.report.origin import PAPERS

    cited = " ".join((repository / "CITATION.cff").read_text(encoding="utf-8").split())
    for game in ("immersion", "social"):
        title = PAPERS[game].partition(": ")[2].partition(". arXiv")[0]
        assert f'title: "{title}"' in cited


@pytest.mark.parametrize(
    ("seeds", "expected"), [([3], "3"), ([2, 0, 1], "0 to 2"), ([0, 1, 2, 5, 7, 8], "0 to 2, 5, 7 to 8"), ([4, 4], "4")]
)
def test_seeds_are_told_as_ranges(seeds, expected):
    assert seeds_text(seeds) == expected
