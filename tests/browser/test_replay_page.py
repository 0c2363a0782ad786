"""The replay in a real browser: its numbers are the tables', it plays, and no name does any harm."""

import json
import shutil

import numpy as np
import pytest

from simmig.rng import stream
from simmig.view.document import make_document
from simmig.view.moment import Moments
from simmig.view.page import render_page
from simmig.view.recording import open_recording
from simmig.view.tracks import make_tracks

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&amp;"
STATE = """time => {
  simmigReplay.moveTo(time);
  const { ledger, tracks } = simmigReplay.page.panes[0], list = (values) => Array.from(values);
  return {
    host: list(ledger.host), hosted: list(ledger.hosted), waiting: list(ledger.waiting), serving: list(ledger.serving),
    price: list(ledger.price), copying: ledger.copying.reduce((sum, n) => sum + n, 0), open: ledger.open.length,
    isDown: list(ledger.downs).map((n) => n > 0), active: list(ledger.active).map((m) => m >= 0),
    x: list(tracks.x), y: list(tracks.y), z: list(tracks.z), isHere: list(tracks.isHere),
  };
}"""


def write_page(path, *folders):
    """Write the page of these run folders, and return it with the first recording and its tracks."""
    recordings = [open_recording(folder) for folder in folders]
    tracks = [make_tracks(each.trace, each.end_s) for each in recordings]
    path.write_text(render_page([make_document(*pair) for pair in zip(recordings, tracks, strict=True)]), "utf-8")
    return path, recordings[0], tracks[0]


@pytest.fixture(scope="module")
def outage(repository, simulate_file, tmp_path_factory):
    """A quarter of an hour of the city with outages: (run, page, recording, tracks)."""
    folder = tmp_path_factory.mktemp("browser")
    changes = ("duration_s=900.0", "fleet.0.trace.max_vehicles=120", "fault.0.at_s=300.0", "fault.1.at_s=500.0")
    run = simulate_file(repository / "scenarios" / "city-outage.toml", folder / "run", changes)
    return (run, *write_page(folder / "page.html", run.folder))


@pytest.fixture(scope="module")
def market(repository, simulate_file, tmp_path_factory):
    """A third of an hour of the demo, where bandwidth is sold: (run, page, recording, tracks)."""
    folder = tmp_path_factory.mktemp("browser")
    run = simulate_file(repository / "scenarios" / "demo.toml", folder / "run", ("duration_s=1200.0",))
    return (run, *write_page(folder / "page.html", run.folder))


@pytest.fixture(scope="module")
def campus(repository, simulate_file, tmp_path_factory):
    """Five minutes of UAVs: (run, page, recording, tracks)."""
    folder = tmp_path_factory.mktemp("browser")
    run = simulate_file(repository / "scenarios" / "campus-uav.toml", folder / "run", ("duration_s=300.0",))
    return (run, *write_page(folder / "page.html", run.folder))


def test_the_figures_at_the_end_are_those_of_the_summary(market, open_page):
    run, file, *_ = market
    with open_page(file) as opened:
        opened.page.keyboard.press("End")
        opened.move_to(1e9)
        found = opened.page.evaluate("simmigReplay.figures()")
        summary = run.summary
        assert found["requests"] == summary["requests"]
        assert found["done"] == summary["delay_s"]["total"]["n"] > 50
        assert found["outcomes"] == summary["outcomes"]
        assert found["meanDelayS"] == pytest.approx(summary["delay_s"]["total"]["mean"], rel=1e-12)
        assert opened.shown("requests") == f"{summary['requests']:,}"
        assert opened.shown("done") == f"{summary['delay_s']['total']['n']:,}"
        assert opened.shown("of these late") == str(summary["outcomes"]["late"])
        assert opened.shown("mean delay") == f"{summary['delay_s']['total']['mean']:.3f} s"
        opened.page.click("#tab-about")
        assert "the running figures are those of summary.json" in opened.page.inner_text("#list-about")


def test_figures_that_are_not_those_of_the_summary_are_told(outage, open_page, tmp_path):
    _, _, recording, tracks = outage
    document = make_document(recording, tracks)
    summary = {**document["summary"], "requests": document["summary"]["requests"] + 1}
    file = tmp_path / "page.html"
    file.write_text(render_page([{**document, "summary": summary}]), "utf-8")
    with open_page(file) as opened:
        opened.page.click("#tab-about")
        assert f"requests: {summary['requests'] - 1} here, {summary['requests']} there" in opened.page.inner_text(
            "#list-about"
        )


def test_each_rsu_ends_with_the_sales_of_its_table(market, open_page):
    run, file, *_ = market
    with open_page(file) as opened:
        opened.move_to(1200.0)
        for name in ("revenue", "soldHzS", "twinsIn", "twinsOut"):
            found = opened.page.evaluate(f"Array.from(simmigReplay.page.panes[0].ledger.{name})")
            column = {"soldHzS": "sold_hz_s", "twinsIn": "twins_in", "twinsOut": "twins_out"}.get(name, name)
            np.testing.assert_allclose(found, run.rsus[column], rtol=1e-11, atol=0.0)
        assert run.rsus["revenue"].sum() > 0.0


def test_the_delays_of_every_migration_are_those_of_the_table(market, open_page):
    run, file, *_ = market
    table = run.migrations.sort_values("migration")
    with open_page(file) as opened:
        columns = "simmigReplay.page.panes[0].columns"
        for page_name, name in (
            ("decisionDelayS", "decision_delay_s"), ("transferDelayS", "transfer_delay_s"),
            ("queueDelayS", "queue_delay_s"), ("reinstantiationDelayS", "reinstantiation_delay_s"),
            ("totalDelayS", "total_delay_s"), ("endedS", "ended_s"), ("requestedS", "requested_s"),
        ):  # fmt: skip
            text = opened.page.evaluate(f"JSON.stringify(Array.from({columns}.{page_name}))")
            found = np.array([np.nan if value is None else value for value in json.loads(text)])
            np.testing.assert_array_equal(found, table[name].to_numpy(dtype=float), err_msg=name)


@pytest.mark.parametrize("scene", ["market", "outage"])
def test_the_state_at_any_time_is_the_one_that_the_tables_tell(scene, open_page, request):
    """The page goes through the events one by one, back and forth; Moments looks at the tables anew each time."""
    _, file, recording, _ = request.getfixturevalue(scene)
    moments = Moments(recording.tables)
    times_s = [*stream(2, "times").uniform(0.0, recording.end_s, 25).tolist(), 300.0, 500.0, 0.0, 900.0]
    with open_page(file) as opened:
        for time_s in times_s:
            found, expected = opened.page.evaluate(STATE, time_s), moments.at(time_s)
            assert found["host"] == expected.host.tolist()
            assert found["hosted"] == expected.hosted.tolist()
            assert found["waiting"] == expected.waiting.tolist()
            assert found["serving"] == expected.serving.tolist()
            assert found["isDown"] == expected.is_down.tolist()
            assert found["copying"] == len(expected.open_moves)
            assert found["active"] == (expected.asks | expected.moves).tolist()
            np.testing.assert_allclose(np.array(found["price"], dtype=float), expected.price, rtol=1e-7)
        assert np.isfinite(expected.price).any() == (scene == "market")


@pytest.mark.parametrize("scene", ["outage", "campus"])
def test_vehicles_are_drawn_where_they_were(scene, open_page, request):
    _, file, recording, tracks = request.getfixturevalue(scene)
    count = recording.trace.vehicle_count
    from simmig.mobility.positions import Positions

    positions = Positions(recording.trace)
    with open_page(file) as opened:
        for time_s in stream(3, "times").uniform(0.0, recording.end_s, 12).tolist():
            found = opened.page.evaluate(STATE, time_s)
            true_m = positions.at(np.arange(count), np.full(count, round(time_s * 1e9)))
            is_here = np.isfinite(true_m[:, 0])
            assert found["isHere"] == is_here.astype(int).tolist()
            drawn_m = np.column_stack([found[axis] for axis in "xyz"])[is_here]
            assert np.linalg.norm(drawn_m - true_m[is_here], axis=1).max() <= tracks.error_m + 1e-6
        caption = opened.page.inner_text(".caption")
        assert caption.startswith(f"Drawn: all {count} vehicles, positions within ")
        assert float(caption.split(" m of the trace")[0].split()[-1]) == pytest.approx(tracks.error_m, abs=0.1)


def test_it_plays_and_the_slider_moves_it(outage, open_page):
    _, file, *_ = outage
    with open_page(file) as opened:
        page = opened.page
        page.focus("canvas[role=img]")
        page.keyboard.press("Space")
        opened.wait_for("simmigReplay.page.clock.timeS > 2")
        assert page.get_attribute("#play", "aria-label") == "Pause"
        page.click("#play")
        stopped = page.evaluate("simmigReplay.page.clock.timeS")
        page.wait_for_timeout(200)
        assert page.evaluate("simmigReplay.page.clock.timeS") == stopped
        page.locator("#time").fill("450")
        assert page.evaluate("simmigReplay.page.clock.timeS") == 450
        opened.wait_for("document.getElementById('now').textContent === '7:30.0 of 15:00.0'")
        page.keyboard.press("ArrowRight")
        assert page.evaluate("simmigReplay.page.clock.timeS") == 451
        page.keyboard.press("Shift+ArrowLeft")
        assert page.evaluate("simmigReplay.page.clock.timeS") == pytest.approx(361)
        page.keyboard.press("End")
        page.keyboard.press("Space")
        opened.wait_for("simmigReplay.page.clock.timeS < 400")  # from the end it starts anew


def test_the_picture_changes_with_the_time(outage, open_page):
    _, file, *_ = outage
    with open_page(file) as opened:
        pictures = []
        for time_s in (100.0, 600.0, 100.0):
            opened.move_to(time_s)
            pictures.append(opened.page.evaluate("document.querySelector('.map canvas').toDataURL()"))
        assert pictures[0] != pictures[1]
        assert pictures[0] == pictures[2]


def test_a_click_chooses_and_the_card_has_the_numbers_of_the_table(market, open_page):
    run, file, *_ = market
    one = run.migrations[run.migrations["outcome"] == "completed"].iloc[-1]
    with open_page(file) as opened:
        page = opened.page
        opened.move_to(float(one["transfer_start_s"]) + 0.5 * float(one["transfer_delay_s"]))
        spot = page.evaluate(
            "m => [simmigReplay.page.panes[0].scene.dots.find((dot) => dot.m === m)].map(({ px, py }) => [px, py])[0]",
            int(one["migration"]),
        )
        box = page.locator(".map canvas").bounding_box()
        page.mouse.click(box["x"] + spot[0], box["y"] + spot[1])
        page.wait_for_selector("#card h3:has-text('completed')")
        card = page.inner_text("#card")
        assert f"{one['total_delay_s']:.3f} s" in card
        assert f"{one['requested_s']:.3f} s" in card
        assert str(one["vehicle"]) in card
        page.click(f"#card button:has-text('{one['target']}')")
        page.wait_for_selector(f"#card h3:has-text('{one['target']}')")
        page.keyboard.press("Escape")
        page.wait_for_selector("#card h3:has-text('Nothing chosen')")


def test_filters_leave_what_passes(outage, open_page):
    run, file, *_ = outage
    table = run.migrations
    busiest = str(table["vehicle"].value_counts().index[0])
    with open_page(file) as opened:
        page = opened.page
        opened.move_to(900.0)
        page.click("#tab-events")
        page.fill("#by-vehicle", busiest)
        wanted = table[table["vehicle"].astype(str).str.contains(busiest)]
        page.wait_for_selector(f"#list-events p:has-text('{len(wanted)} ended so far')")
        assert page.locator("#list-events li").count() == len(wanted)
        outcome = str(wanted["outcome"].iloc[0])
        page.select_option("#by-outcome", label=outcome.replace("_", " "))
        wanted = wanted[wanted["outcome"] == outcome]
        page.wait_for_selector(f"#list-events p:has-text('{len(wanted)} ended so far')")
        times = page.locator("#list-events li span:nth-child(2)").all_inner_texts()
        expected = sorted(wanted["ended_s"], reverse=True)
        assert times == [f"{round(s * 10) // 600}:{round(s * 10) % 600 / 10:04.1f}" for s in expected]
        assert page.evaluate("Array.from(simmigReplay.page.panes[0].scene.isMatch).reduce((a, b) => a + b)") == (
            run.vehicles["vehicle"].astype(str).str.contains(busiest).sum()
        )


def test_two_runs_share_time_and_view(outage, campus, open_page, tmp_path):
    file, *_ = write_page(tmp_path / "two.html", outage[0].folder, campus[0].folder)
    with open_page(file) as opened:
        page = opened.page
        assert page.locator(".pane").count() == 2
        opened.move_to(1e9)
        assert opened.shown("requests", 0) == f"{outage[0].summary['requests']:,}"
        assert opened.shown("requests", 1) == f"{campus[0].summary['requests']:,}"
        page.click("#which button:nth-child(2)")
        names = page.locator("#list-rsus tbody tr td:first-child").all_inner_texts()
        assert names == list(campus[0].rsus["rsu"])
    file, *_ = write_page(tmp_path / "same.html", outage[0].folder, outage[0].folder)
    with open_page(file) as opened:
        assert opened.page.evaluate("simmigReplay.page.panes[0].camera === simmigReplay.page.panes[1].camera")


def test_hostile_names_are_only_names(repository, simulate_file, tmp_path, open_page):
    """Vehicles, RSUs and the scenario may be called anything."""
    (tmp_path / "traces").mkdir()
    (tmp_path / "scenarios").mkdir()
    trace = (repository / "traces" / "street.csv").read_text().replace("e10", '"' + HOSTILE.replace('"', '""') + '"')
    (tmp_path / "traces" / "street.csv").write_text(trace)
    shutil.copy(repository / "traces" / "street_rsus.csv", tmp_path / "traces")
    scenario = (
        (repository / "scenarios" / "street.toml").read_text().replace('name = "street"', f"name = '''{HOSTILE}'''")
    )
    (tmp_path / "scenarios" / "street.toml").write_text(scenario)
    run = simulate_file(tmp_path / "scenarios" / "street.toml", tmp_path / "run")
    file, *_ = write_page(tmp_path / "page.html", run.folder)
    with open_page(file) as opened:
        page = opened.page
        opened.move_to(160.0)
        page.click("#tab-events")
        vehicle = list(run.vehicles["vehicle"]).index(HOSTILE)
        page.evaluate(
            "v => simmigReplay.page.choose(simmigReplay.page.panes[0], { kind: 'vehicle', index: v })", vehicle
        )
        page.wait_for_selector("#card dl")
        assert page.inner_text("#card h3") == HOSTILE
        assert HOSTILE in page.inner_text("#list-events")
        assert page.inner_text("h1").startswith(HOSTILE)
        assert page.locator("img").count() == 0
        page.click("#tab-about")
        assert HOSTILE in page.inner_text("#list-about")


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_cut_off_and_every_control_has_a_name(campus, open_page, width):
    _, file, *_ = campus
    with open_page(file, color_scheme="dark") as opened:
        page = opened.page
        page.set_viewport_size({"width": width, "height": 720})
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        box = page.locator(".map canvas").bounding_box()
        assert box["height"] >= 240
        unnamed = page.evaluate(
            """[...document.querySelectorAll("button, input, select, canvas[role]")]
              .filter((each) => each.checkVisibility())
              .filter((each) => !(each.getAttribute("aria-label") || each.textContent.trim())).length"""
        )
        assert unnamed == 0
        assert page.get_attribute("html", "data-theme") == "dark"
        assert page.get_attribute("#perspective", "aria-pressed") == "true"  # UAVs are shown in space
        page.click("#perspective")
        assert page.evaluate("simmigReplay.page.panes[0].camera.isFlat")
