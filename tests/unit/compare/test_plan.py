"""Plans of the papers' figures: what a file may say, the games it means, what is measured, and how it is judged."""

from pathlib import Path

import numpy as np
import pytest

from simmig.compare.plans.checks import Faster, Higher, Nearest, Opposite, Point, Settles, Solved, Trend, Values
from simmig.compare.plans.drawing import draw_results
from simmig.compare.plans.findings import faster, higher, judge, nearest, opposite, settles, solved, values
from simmig.compare.plans.games import game_of, settings_of
from simmig.compare.plans.measures import measures_of, measures_of_row
from simmig.compare.plans.results import CURVES, Results, run_plan
from simmig.compare.plans.rules import play_by_rule
from simmig.compare.plans.schema import Mode, Plan, Units, load_plan
from simmig.compare.plans.tables import documentation, markdown_of, read_document, write_results
from simmig.compare.plans.trends import trend
from simmig.compare.plans.trials import Ended, Trial, run_trial, thinned
from simmig.errors import InputError, ScenarioError
from simmig.learning.recipe import recipe_with
from simmig.plugins import load, plugin_class

FIGURES = [f"001-fig{k}" for k in range(3, 7)] + [f"002-fig{k}" for k in range(3, 9)]
PLAN = """schema = 1
paper = "002"
figure = "Fig. 0"
title = "A game"
[game]
kind = "social"
followers = 3
leaders = 2
parameters = { alpha = [30.0, 25.0, 35.0], beta = 30.0, ties = 5.0, cost = [3.0, 1.0], price_max = 15.0 }
[units]
price = 0.1
leader_utility = 10.0
[full]
seeds = 3
[quick]
seeds = 2
[[agent]]
label = "Solver"
name = "stackelberg"
[[agent]]
label = "Greedy"
name = "best_so_far"
[[sweep]]
name = "cost"
x = { key = "cost.0", values = [3.0, 4.0, 5.0], label = "cost of MRP 1", scale = 0.1 }
series = [{ label = "two followers", set = { followers = 2 } }, { label = "three followers" }]
trained = [[0, 0], [0, 2]]
[[panel]]
y = ["price.0"]
label = "price"
sweep = "cost"
[[statement]]
text = "The price rises."
check = { kind = "trend", sweep = "cost", measure = "price.0", direction = "up" }
[[statement]]
text = "The solver is nearest."
check = { kind = "nearest", agent = "Solver", than = ["Greedy"], measure = "price.0", sweep = "cost" }
"""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
    return load_plan(tmp_path / "plan.toml")


def changed(folder: Path, old: str, new: str) -> Plan:
    assert PLAN.count(old) == 1
    (folder / "plan.toml").write_text(PLAN.replace(old, new), encoding="utf-8")
    return load_plan(folder / "plan.toml")


# --- the file -------------------------------------------------------------------------------------------------


def test_every_numeric_figure_has_a_plan_whose_games_have_equilibria(repository: Path) -> None:
    files = sorted((repository / "scenarios" / "papers").glob("*.toml"))
    assert [file.stem for file in files] == FIGURES
    for file in files:
        plan = load_plan(file)
        assert file.stem == f"{plan.paper}-{plan.figure.lower().replace('. ', '')}"
        for agent in plan.agent:
            learner = plugin_class("agents", agent.name, Path())
            if hasattr(learner, "recipe"):
                recipe_with(learner.recipe, agent.name, {**agent.recipe, **agent.quick})
        for sweep in plan.sweep:
            for line in range(len(sweep.series)):
                for place in (0, len(sweep.x.values) - 1):
                    assert game_of(plan, 0, settings_of(sweep, line, place)).solve().converged


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('title = "A game"', 'titel = "A game"', "titel: 'A game': unknown key (did you mean \"title\"?)"),
        ("seeds = 3", "seeds = 0", "full.seeds: 0: expected at least 1"),
        ("beta = 30.0", "betta = 30.0", "'betta': expected a parameter of the game (did you mean \"beta\"?)"),
        ('key = "cost.0"', 'key = "kost.0"', 'expected players or a parameter (did you mean "cost"?)'),
        ('key = "cost.0"', 'key = "cost.x"', "'cost.x': expected players or a parameter"),
        ("[0, 2]]", "[2, 0]]", "[2, 0]: expected a series and a place on the axis that exist"),
        ("[0, 2]]", "[0, 3]]", "[0, 3]: expected a series and a place on the axis that exist"),
        ('agent = "Solver"', 'agent = "Solvr"', '(did you mean "Solver"?)'),
        ('than = ["Greedy"]', 'than = ["Greed"]', "'Greed': expected one of 'Solver', 'Greedy'"),
        ('label = "price"\nsweep = "cost"', 'label = "price"\nsweep = "costs"', "'costs': expected one of 'cost'"),
        ('kind = "trend", sweep = "cost", ', 'kind = "trent", sweep = "cost", ', '(did you mean "trend"?)'),
        ('direction = "up"', 'directoin = "up"', 'unknown key (did you mean "direction"?)'),
        (
            '{ kind = "trend", sweep = "cost", measure = "price.0", direction = "up" }',
            '{ kind = "faster", agent = "Solver", than = ["Greedy"], measure = "price.0" }',
            "expected a sweep, or [curves]",
        ),
        ('label = "Greedy"', 'label = "Solver"', "'Solver': expected another label than that of entry 0"),
        ('y = ["price.0"]', 'y = ["price.0", "price.1"]', "expected one measure where there is more than one series"),
        ('y = ["price.0"]', 'y = ["price.0"]\nnames = ["a", "b"]', "['a', 'b']: expected 1, one for each measure"),
        ("trained = [[0, 0], [0, 2]]", "", "'cost': expected a sweep in which agents are trained"),
        ('direction = "up"', 'series = [2], direction = "up"', "2: expected a series from 0 to 1"),
        (
            '{ kind = "trend", sweep = "cost", measure = "price.0", direction = "up" }',
            '{ kind = "values", agent = "Solver", sweep = "cost", points = [{ measure = "u", value = 1, at = 3.5 }] }',
            "3.5: expected one of 3.0, 4.0, 5.0",
        ),
    ],
)
def test_a_mistake_in_a_plan_is_named(tmp_path: Path, old: str, new: str, expected: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        changed(tmp_path, old, new)
    assert any(expected in line for line in str(caught.value).splitlines()), str(caught.value)


# --- the games ------------------------------------------------------------------------------------------------


def test_the_game_of_a_plan_is_that_of_002_figure_3(plan: Plan) -> None:
    found = game_of(plan, 0, {}).solve()
    assert found.price == pytest.approx([13.036, 11.542], abs=5e-4)
    assert found.demand.sum(axis=1) == pytest.approx([0.7084, 0.5546, 0.8623], abs=5e-5)


def test_a_sweep_changes_what_it_names_and_keeps_the_first_players(plan: Plan) -> None:
    sweep = plan.sweep[0]
    game = game_of(plan, 0, settings_of(sweep, 0, 2))
    assert game.cost.tolist() == [5.0, 1.0]
    assert game.alpha.tolist() == [30.0, 25.0]
    assert game.ties.tolist() == [[0.0, 5.0], [5.0, 0.0]]


@pytest.mark.parametrize(("key", "value"), [("leaders", 3.0), ("followers", 1.5), ("followers", 0.0)])
def test_a_sweep_has_whole_numbers_of_players_within_the_game(plan: Plan, key: str, value: float) -> None:
    with pytest.raises(InputError, match=f"sweep: {key} = {value:g}, expected a whole number from 1 to"):
        game_of(plan, 0, {key: value})


def test_a_parameter_that_neither_file_nor_table_gives_is_missed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"game\.parameters: beta missing"):
        game_of(changed(tmp_path, " beta = 30.0,", ""), 0, {})


def test_a_list_of_another_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"game\.parameters\.alpha: 2 numbers, expected 3"):
        game_of(changed(tmp_path, "[30.0, 25.0, 35.0]", "[30.0, 25.0]"), 0, {})


def test_the_table_is_drawn_once_or_for_every_seed(repository: Path) -> None:
    same = load_plan(repository / "scenarios" / "papers" / "001-fig3.toml")
    assert (game_of(same, 0, {}).ssim == game_of(same, 1, {}).ssim).all()
    fresh = load_plan(repository / "scenarios" / "papers" / "001-fig5.toml")
    first, second = (game_of(fresh, seed, {}) for seed in (0, 1))
    assert not (first.ssim == second.ssim).any()
    small = game_of(fresh, 0, {"followers": 3, "leaders": 2, "cost": 2.0})
    assert (small.ssim == first.ssim[:3, :2]).all()
    assert small.cost.tolist() == [2.0, 2.0]
    assert (small.budget == first.budget[:3]).all()


# --- what is measured -----------------------------------------------------------------------------------------


def test_measures_are_in_the_units_of_the_paper(plan: Plan) -> None:
    game = game_of(plan, 0, {})
    found = game.solve()
    measured = measures_of(game, found.price, found.demand, plan.units)
    assert [measured["price.0"], measured["price.1"]] == pytest.approx([1.3036, 1.1542], abs=5e-5)
    assert [measured[f"leader_utility.{j}"] for j in (0, 1)] == pytest.approx([47.970, 61.925], abs=5e-4)
    assert [measured[f"follower_utility.{i}"] for i in range(3)] == pytest.approx([3.790, 2.329, 5.607], abs=5e-4)
    assert measured["welfare"] == pytest.approx(47.970 + 61.925 + 3.790 + 2.329 + 5.607, abs=2e-3)
    assert measured["demand"] == pytest.approx((0.7084 + 0.5546 + 0.8623) / 6, abs=1e-4)
    assert measured["sold.0"] + measured["sold.1"] == pytest.approx(3 * measured["bought"])
    assert measured["demand.2.1"] == found.demand[2, 1]


def test_a_row_of_a_training_is_measured_alike() -> None:
    row = {"profit": [1.0, 3.0], "price": [10.0, 14.0], "utility": [2.0, 4.0, 6.0], "demand": [0.5, 0.7, 0.9]}
    measured = measures_of_row(row, Units(price=0.1, leader_utility=10.0))
    assert measured["price"] == pytest.approx(1.2)
    assert measured["leader_utility.1"] == 30.0
    assert measured["welfare"] == pytest.approx(40.0 + 12.0)
    assert measured["bought.2"] == 0.9


def test_a_rule_sees_what_the_simulation_would_show_it(plan: Plan) -> None:
    game = game_of(plan, 0, {})
    price, demand = play_by_rule(load("agents", "stackelberg"), game, 0)
    assert price == pytest.approx(np.broadcast_to(game.solve().price, price.shape))
    assert demand[0] == pytest.approx(game.best_demand(price[0]))
    tried = np.linspace(game.cost, game.price_max, 8)
    kept, _ = play_by_rule(load("agents", "best_so_far"), game, 0)
    assert np.abs(tried - kept[-1]).min(axis=0) == pytest.approx([0.0, 0.0])
    drawn = play_by_rule(load("agents", "random"), game, 0)[0]
    assert drawn.std(axis=0).min() > 1.0
    assert (drawn == play_by_rule(load("agents", "random"), game, 0)[0]).all()
    assert not (drawn == play_by_rule(load("agents", "random"), game, 1)[0]).any()


@pytest.mark.parametrize("record", ["played", "policy", None])
def test_a_training_is_the_same_again_and_leaves_its_curve(plan: Plan, record: str | None) -> None:
    changes = {"iterations": 3, "games": 4, "steps": 2}
    trial = Trial("PPO", "ippo", changes, game_of(plan, 0, {}), 5, record, 8.0, plan.units)
    first, again = run_trial(trial), run_trial(trial)
    assert first.is_learned
    assert first.end == again.end
    assert first.x.tolist() == ([] if record is None else [1.0, 2.0, 3.0])
    if record == "policy":
        assert first.end["price.0"] == first.curves["price.0"][-1]
    if record == "played":
        assert first.end["price.0"] == pytest.approx(first.curves["price.0"][-1])
        assert 0.3 < first.end["price.0"] < 1.5


def test_a_long_curve_is_thinned_to_means_over_the_rows_between_its_points() -> None:
    x, curves = thinned(np.arange(1.0, 402.0), {"u": np.arange(401.0)})
    assert x[:2].tolist() == [3.0, 6.0]
    assert curves["u"][:2].tolist() == [1.0, 4.0]
    assert (len(x), x[-1], curves["u"][-1]) == (134, 401.0, 399.5)


def test_a_recipe_that_does_not_exist_is_named(plan: Plan) -> None:
    trial = Trial("PPO", "ippo", {"iteratoins": 3}, game_of(plan, 0, {}), 5, None, 8.0, plan.units)
    with pytest.raises(InputError, match=r'recipe of agent ippo: iteratoins: .*did you mean "iterations"'):
        run_trial(trial)


@pytest.mark.parametrize(("points", "places"), [(1, [0]), (2, [0, 2]), (3, [0, 1, 2]), (None, [0, 1, 2])])
def test_fewer_points_are_the_ends_of_the_sweep(tmp_path: Path, points: int | None, places: list[int]) -> None:
    plan = changed(tmp_path, "[[0, 0], [0, 2]]", "[[0, 0], [0, 1], [0, 2]]")
    results = run_plan(plan.model_copy(update={"quick": Mode(seeds=1, points=points)}), "quick")
    assert results.trained("cost") == [("cost", 0, place) for place in places]


def test_workers_change_no_number(plan: Plan) -> None:
    alone, together = run_plan(plan, "quick"), run_plan(plan, "quick", workers=2)
    assert [key for key, _ in alone.ended.items()] == [key for key, _ in together.ended.items()]
    assert all(
        a.end == b.end for key in alone.ended for a, b in zip(alone.ended[key], together.ended[key], strict=True)
    )
    assert len(alone.ended["Greedy", ("cost", 0, 2)]) == 2


# --- how it is judged -----------------------------------------------------------------------------------------


def judged(plan: Plan, solved: float, **ends: list[float]) -> Results:
    """Results of learning curves only, of one measure u, that end where they are told."""
    results = Results(plan, "full", 3)
    results.solved[CURVES] = [{"u": solved}] * 3
    for label, each in ends.items():
        curve = np.ones(20)
        results.ended[label, CURVES] = [Ended({"u": end}, np.arange(20.0), {"u": end * curve}, True) for end in each]
    return results


def swept(plan: Plan, lines: list[list[float]]) -> Results:
    results = Results(plan, "full", 3)
    for line, row in enumerate(lines):
        for place, value in enumerate(row):
            results.solved["cost", line, place] = [{"u": value}]
    return results


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        ([9.9, 9.8, 9.9], [8.0, 12.0, 8.0], "reproduced"),
        ([9.0, 9.0, 9.0], [8.0, 12.0, 9.5], "shape only"),
        ([8.0, 8.0, 8.0], [9.0, 11.0, 9.5], "not reproduced"),
    ],
)
def test_nearest_compares_distances_seed_by_seed(plan: Plan, a: list[float], b: list[float], verdict: str) -> None:
    found = nearest(Nearest(agent="A", than=["B"], measure="u"), judged(plan, 10.0, A=a, B=b))
    assert found.verdict == verdict
    assert found.solved == "10.0"


@pytest.mark.parametrize(
    ("b", "verdict"),
    [([1.0, 2.0, 2.0], "reproduced"), ([1.0, 4.0, 2.0], "shape only"), ([5.0, 5.0, 5.0], "not reproduced")],
)
def test_higher_asks_for_the_order_with_every_draw_of_the_seeds(plan: Plan, b: list[float], verdict: str) -> None:
    check = Higher(agents=["A", "B"], measure="u")
    assert higher(check, judged(plan, 3.0, A=[3.0, 3.0, 3.0], B=b)).verdict == verdict


def test_a_statement_holds_only_if_all_its_parts_do(plan: Plan) -> None:
    check = Higher(agents=["A", "B", "C"], measure="u")
    found = higher(check, judged(plan, 3.0, A=[3.0] * 3, B=[1.0] * 3, C=[2.0] * 3))
    assert found.verdict == "not reproduced"
    assert found.why == "B is lower than C"
    assert found.ours == "A 3.00, B 1.00, C 2.00"


def test_one_seed_reproduces_no_difference(plan: Plan) -> None:
    check = Higher(agents=["A", "B"], measure="u")
    assert higher(check, judged(plan, 3.0, A=[3.0], B=[1.0])).verdict == "shape only"


def curved(plan: Plan, **starts: int) -> Results:
    """Results of curves that are 0 up to some place of 100 and 1 from there on; their second measure is opposite."""
    results = Results(plan, "full", 3)
    for label, start in starts.items():
        up = (np.arange(100) >= start).astype(float)
        end = Ended({"u": 1.0}, np.arange(1.0, 101.0), {"u": up, "v": -up, "w": np.ones(100)}, True)
        results.ended[label, CURVES] = [end] * 3
    return results


def test_the_faster_curve_is_the_one_that_stays_at_its_end_sooner(plan: Plan) -> None:
    check = Faster(agent="A", than=["B"], measure="u")
    assert faster(check, curved(plan, A=10, B=50)).verdict == "reproduced"
    assert faster(check, curved(plan, A=50, B=10)).verdict == "not reproduced"
    assert "A from iteration 12.0, B from iteration 52.0" in faster(check, curved(plan, A=10, B=50)).ours


@pytest.mark.parametrize(("start", "verdict"), [(10, "reproduced"), (50, "shape only"), (92, "not reproduced")])
def test_curves_settle_by_an_iteration_later_or_not_at_all(plan: Plan, start: int, verdict: str) -> None:
    found = settles(Settles(agent="A", measures=["u", "w"], by=20.0), curved(plan, A=start))
    assert found.verdict == verdict


def test_opposite_curves_are_told_by_their_correlation(plan: Plan) -> None:
    results = curved(plan, A=50)
    against, along, still = (["u", "v"], ["u", "u"], ["u", "w"])
    assert opposite(Opposite(agent="A", pairs=[against]), results).verdict == "reproduced"
    assert opposite(Opposite(agent="A", pairs=[against, against, along]), results).verdict == "shape only"
    assert opposite(Opposite(agent="A", pairs=[along, still]), results).verdict == "not reproduced"


@pytest.mark.parametrize(
    ("lines", "along", "direction", "verdict"),
    [
        ([[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]], "x", "up", "reproduced"),
        ([[1.0, 0.9, 3.0], [2.0, 3.0, 4.0]], "x", "up", "shape only"),
        ([[1.0, 2.0, 3.0], [5.0, 3.0, 4.0]], "x", "up", "not reproduced"),
        ([[3.0, 2.0, 1.0], [4.0, 3.0, 2.0]], "x", "down", "reproduced"),
        ([[3.0, 2.0, 1.0], [4.0, 3.0, 2.0]], "series", "up", "reproduced"),
        ([[3.0, 2.0, 1.0], [4.0, 1.0, 2.0]], "series", "up", "not reproduced"),
        ([[1.0, 3.0, 2.0], [1.0, 2.0, 3.0]], "x", "peak", "reproduced"),
        ([[1.0, 1.0, 1.0], [1.0, 2.0, 3.0]], "x", "peak", "not reproduced"),
    ],
)
def test_trends(plan: Plan, lines: list[list[float]], along: str, direction: str, verdict: str) -> None:
    check = Trend(sweep="cost", measure="u", along=along, direction=direction)
    assert trend(check, swept(plan, lines)).verdict == verdict


def test_an_agent_that_goes_astray_leaves_the_shape_only(plan: Plan) -> None:
    results = swept(plan, [[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]])
    for place, value in ((0, 3.0), (2, 1.0)):
        results.ended["Greedy", ("cost", 0, place)] = [Ended({"u": value}, np.zeros(0), {}, True)]
    found = trend(Trend(sweep="cost", measure="u", direction="up"), results)
    assert found.verdict == "shape only"
    assert "that of Greedy does not where trained" in found.why
    assert found.ours == "Greedy 3.00 to 1.00"


def test_a_trend_may_be_of_some_series_only(plan: Plan) -> None:
    results = swept(plan, [[1.0, 2.0, 3.0], [5.0, 3.0, 4.0]])
    check = Trend(sweep="cost", measure="u", series=[0], direction="up")
    assert trend(check, results).verdict == "reproduced"


@pytest.mark.parametrize(
    ("printed", "verdict"),
    [
        ((1.02, 2.96), "reproduced"),
        ((0.9, 3.5), "shape only"),
        ((0.6, 3.0), "not reproduced"),
        ((3.0, 1.0), "not reproduced"),
    ],
)
def test_printed_numbers(plan: Plan, printed: tuple[float, float], verdict: str) -> None:
    results = swept(plan, [[1.0, 2.0, 3.0]])
    points = [Point(measure="u", value=value, at=at) for value, at in zip(printed, (3.0, 5.0), strict=True)]
    found = values(Values(agent="Greedy", sweep="cost", points=points), results)
    assert found.verdict == verdict
    assert found.solved == "1.00, 3.00"
    assert ("not the equilibrium" in found.why) == (verdict != "reproduced")


@pytest.mark.parametrize(("end", "verdict"), [(10.4, "reproduced"), (11.0, "shape only"), (12.0, "not reproduced")])
def test_an_agent_is_at_the_equilibrium_or_near_or_not(plan: Plan, end: float, verdict: str) -> None:
    found = solved(Solved(agent="A", measures=["u"]), judged(plan, 10.0, A=[end] * 3))
    assert found.verdict == verdict


@pytest.mark.parametrize(
    ("old", "new"),
    [('measure = "price.0", sweep', 'measure = "profit", sweep'), ('y = ["price.0"]', 'y = ["profit"]')],
)
def test_a_measure_that_does_not_exist_is_named_before_anybody_plays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str
) -> None:
    monkeypatch.setattr("simmig.compare.plans.results.run_trial", None)
    with pytest.raises(InputError, match="measure 'profit': not known here; expected one of bought, demand, "):
        run_plan(changed(tmp_path, old, new), "quick")


@pytest.mark.parametrize("measure", ["sold", "price.0.1"])
def test_a_measure_that_trainings_do_not_tell_is_named(repository: Path, measure: str) -> None:
    plan = load_plan(repository / "scenarios" / "papers" / "001-fig3.toml")
    panel = plan.panel[0].model_copy(update={"y": (measure,)})
    with pytest.raises(InputError, match=f"measure '{measure}': a training does not tell it"):
        run_plan(plan.model_copy(update={"panel": (panel,)}), "quick", 1)


def test_a_rule_has_no_learning_curve(repository: Path) -> None:
    plan = load_plan(repository / "scenarios" / "papers" / "001-fig3.toml")
    check = plan.statement[0].check.model_copy(update={"than": ("Greedy",)})
    with pytest.raises(InputError, match="check faster: 'Greedy' plays by a rule; expected an agent that learns"):
        run_plan(
            plan.model_copy(update={"statement": (plan.statement[0].model_copy(update={"check": check}),)}), "quick"
        )


# --- what is written ------------------------------------------------------------------------------------------


def test_a_folder_has_the_table_the_numbers_and_the_same_picture_again(plan: Plan, tmp_path: Path) -> None:
    results = run_plan(plan, "quick")
    rows = judge(results)
    assert [row.finding.verdict for row in rows] == ["reproduced", "reproduced"]
    document = write_results("002-fig0", results, rows, tmp_path)
    assert read_document(tmp_path) == document
    assert document["trainings"] == 0
    csv = (tmp_path / "points.csv").read_text(encoding="utf-8").splitlines()
    assert csv[0] == "sweep,series,place,agent,seed,measure,value"
    exact = results.solved["cost", 0, 2][1]["price.0"]
    assert f"cost,0,2,equilibrium,1,price.0,{exact}" in csv
    pictures = [path.read_bytes() for path in draw_results(results, tmp_path)]
    assert [path.read_bytes() for path in draw_results(results, tmp_path)] == pictures
    assert b"cost of MRP 1" in pictures[0]


def test_the_page_is_made_of_the_tables(plan: Plan, tmp_path: Path) -> None:
    results = run_plan(plan, "quick")
    for name in ("002-fig1", "001-fig9"):
        (tmp_path / name).mkdir()
        write_results(name, results, judge(results), tmp_path / name)
    page = documentation([tmp_path / "002-fig1", tmp_path / "001-fig9"])
    assert page.index("## 001-fig9") < page.index("## 002-fig1")
    assert "| 001-fig9 | quick, 2 seeds | 2 | 0 | 0 |" in page
    assert markdown_of(read_document(tmp_path / "001-fig9")) in page


def test_a_table_cell_holds_no_second_cell(plan: Plan) -> None:
    row = {"statement": "a | b", "ours": "", "equilibrium": "1", "verdict": "reproduced", "why": "so"}
    common = {"name": "n", "figure": "f", "paper": "p", "title": "t", "size": "full", "seeds": 1, "trainings": 0}
    assert markdown_of({**common, "remarks": [], "rows": [row]}).splitlines()[-1] == (
        "| a \\| b | – | 1 | reproduced | so |"
    )


@pytest.mark.parametrize("text", [None, "[]", "{", '{"schema": 1}'])
def test_what_is_not_a_table_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "table.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"table\.json: .*expected"):
        read_document(tmp_path)
