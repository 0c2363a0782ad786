import re
import subprocess
import sys
import time
from html.parser import HTMLParser

import duckdb
import pytest
from synthetic_run import make_run, make_tables

from simmig.metrics import summarise
from simmig.report import render

VOID = {"meta", "br", "img", "link", "input", "hr"}
HOSTILE = [
    "<script>alert({})</script>",
    '"><img src=x onerror=alert({})>',
    "$\\frac{{{}}}{{$",
    "_hidden{}",
    "{{{{ 7*7 }}}}{}",
    "</svg></text>{}",
    "名前🚗{}",
    "&lt;b&gt;{}",
]


class Page(HTMLParser):
    """The tags, ids, links and text of a page; fails on a tag that does not close."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.links, self.open, self.text = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

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
        self.text.append(data)


def page_of(tables, **changes):
    run = make_run(**changes)
    return render(tables, run, summarise(tables, run))


@pytest.fixture(scope="module")
def usual():
    return page_of(make_tables(300, vehicles=20))


def assert_offline(text):
    page = Page(text)
    assert "default-src 'none'" in text
    assert not {"script", "iframe", "object", "embed", "link", "img", "form", "base"} & set(page.tags)
    for link in page.links:
        assert link.startswith(("#", "data:image/png;base64,")), link[:80]
    assert not re.search(r"url\((?!#)", text)
    assert "@import" not in text
    return page


def test_the_page_asks_nothing_of_the_network(usual):
    page = assert_offline(usual)
    assert len(page.ids) == len(set(page.ids))
    anchors = [link[1:] for link in page.links if link.startswith("#")]
    assert set(anchors) <= set(page.ids)
    assert {"figure-delay", "figure-formula", "figure-market", "figure-gap", "figure-map", "figure-experience"} <= set(
        page.ids
    )


def test_the_page_says_what_ran_and_how_to_run_it_again(usual):
    text = "".join(Page(usual).text)
    for part in (
        "synthetic-street",
        "simmig run SCENARIO.toml --seed 7",
        "0123456789abcdef" * 4,
        "leaders: stackelberg, followers: best_response",
        "0.1.0, results version 1",
        "Python 3.11.7, numpy 2.4.6, simpy 4.1.2",
        "2026-01-02T03:04:05+00:00",
        '"description": "Cars and drones over nine RSUs."',
        "n = 300 requests",
        "completed or late; the",  # a caption
        "Grey: paths of 20 of 20 vehicles, thinned.",
    ):
        assert part in text
    assert "This run is partial" not in text


def test_a_partial_run_carries_a_banner():
    text = page_of(make_tables(20, vehicles=3), status="partial", simulated_s=12.5)
    assert 'role="alert"' in text
    assert "It was stopped after 12.50 s of simulated time" in text


def test_an_empty_run_has_a_page():
    text = page_of(make_tables(0, vehicles=0, rsus=0, rounds=0), agents={})
    assert_offline(text)
    for part in ("No migration was completed", "No pricing round", "no RSU", "no vehicle", "none: the scenario has no"):
        assert part in text
    assert "<svg" not in text


def test_a_run_without_a_market_has_no_prices():
    text = page_of(make_tables(100, vehicles=5, rounds=0), agents={})
    assert "No pricing round was held." in text
    assert 'id="figure-market"' not in text
    assert "mean price by demand" not in text


def test_names_of_users_are_text_and_nothing_else():
    names = [pattern.format("x") for pattern in HOSTILE]
    tables = make_tables(60, vehicles=len(names), rsus=len(names), rounds=10, names=HOSTILE)
    tables["vehicles"]["fleet"] = names
    scenario = {"name": "".join(names), "description": " ".join(names), "fleet": names}
    page = assert_offline(page_of(tables, scenario=scenario, agents={"leaders": names[0]}, git_revision=names[1]))
    text = "".join(page.text)
    for j, (pattern, name) in enumerate(zip(HOSTILE, names, strict=True)):
        assert text.count(name) >= 2  # title or description, table of fleets
        assert text.count(pattern.format(j)) >= 1  # table of RSUs
    assert text.count("_hidden3") == 3  # map, table, and the legend that matplotlib would have left it out of


def test_the_same_run_gives_the_same_page(usual):
    assert page_of(make_tables(300, vehicles=20)) == usual


def test_tables_read_back_from_parquet_give_the_same_page(usual, tmp_path):
    tables = make_tables(300, vehicles=20)
    connection = duckdb.connect()
    for name, table in tables.items():
        connection.register("source_table", table)
        path = tmp_path / f"{name}.parquet"
        connection.execute(f"COPY source_table TO '{path}' (FORMAT parquet)")
        tables[name] = connection.read_parquet(str(path)).df()
    connection.close()
    assert page_of(tables) == usual


def test_a_huge_scenario_is_cut_in_the_page():
    scenario = {"name": "big", "rsus": [{"id": f"r{j}", "x_m": float(j)} for j in range(20_000)]}
    text = page_of(make_tables(0, vehicles=0, rsus=0, rounds=0), scenario=scenario)
    assert len(text) < 200_000
    assert "run.json has all" in text


def test_a_million_migrations_stay_quick_and_small():
    tables = make_tables(1_100_000, vehicles=10_000, rsus=50, rounds=3600)
    started = time.process_time()
    summary = summarise(tables, make_run())
    summarised = time.process_time()
    text = render(tables, make_run(), summary)
    rendered = time.process_time()
    assert summarised - started < 1.5
    assert rendered - summarised < 8.0
    assert len(text.encode()) < 3_000_000


def test_rendering_imports_no_pyplot():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from synthetic_run import make_run, make_tables\n"
        "from simmig.metrics import summarise\n"
        "from simmig.report import render\n"
        "tables = make_tables(20, vehicles=3)\n"
        "render(tables, make_run(), summarise(tables, make_run()))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    here = __file__.rpartition("/")[0]
    answer = subprocess.run([sys.executable, "-c", code, here], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
