import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.records import Outcome
from simmig.report.drawing import INK, OUTCOMES, Key, cumulative, draw, evenly, log_x


def test_figures_use_the_colours_of_the_page_and_ids_of_their_own():
    def paint(figure):
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=INK)
        axes.text(0.5, 0.5, f'{INK} id="x" <b> $x^2$')

    svg = draw("mine", 'A "title" & more', 2.0, paint)
    assert svg.startswith('<svg role="img" aria-label="A &#34;title&#34; &amp; more"')
    assert "stroke: var(--ink)" in svg
    ids = re.findall(r'<[^>]*\bid="([^"]*)"', svg)
    assert ids
    assert all(name.startswith("mine-") for name in ids)
    used = re.findall(r'(?:url\(#|xlink:href="#)([^")]*)', svg)
    assert used
    assert set(used) <= set(ids)
    assert f'{INK} id="x" &lt;b&gt; $x^2$' in svg  # text is left alone
    assert not re.search(r"<svg[^>]*\b(width|height)=", svg)
    assert "<!--" not in svg
    assert "<metadata" not in svg


def test_a_name_with_unknown_letters_is_no_warning():
    svg = draw("x", "x", 1.0, lambda figure: figure.subplots().set_title("名前 🚗 \u0647"))
    assert "名前 🚗" in svg


def test_every_outcome_has_a_look_of_its_own():
    assert set(OUTCOMES) == set(Outcome)
    assert len({look.colour for look in OUTCOMES.values()}) == len(Outcome)
    assert len({look.sign for look in OUTCOMES.values()}) == len(Outcome)
    assert len({look.marker for look in OUTCOMES.values()}) == len(Outcome)
    assert Key("x", INK).css == "var(--ink)"
    assert Key("x", "#0072b2").css == "#0072b2"


def test_a_long_axis_has_powers_of_ten_and_a_short_one_more():
    ticks = []

    def paint(figure):
        for low, high in ((1e-16, 1e-5), (0.01, 1.0), (0.4, 7.0), (1.78, 3.03)):
            axes = figure.subplots()
            log_x(axes, low, high, str)
            ticks.append([float(tick) for tick in axes.get_xticks()])

    draw("x", "x", 1.0, paint)
    assert len(ticks[0]) == 12
    assert ticks[1:] == [[0.01, 0.1, 1.0], [0.5, 1.0, 2.0, 5.0], [2.0, 3.0]]


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.integers(0, 5000), st.integers(1, 500))
def test_property_evenly_spread_indices_are_distinct_and_in_order(count, most):
    index = evenly(count, most)
    assert len(index) == min(count, most)
    assert (np.diff(index) > 0).all()
    if count:
        assert index[0] == 0
        assert index[-1] < count
        assert np.diff(index, append=count).max() <= -(-count // min(count, most))


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=2000))
def test_property_cumulative_tells_the_true_share(values):
    x, share = cumulative(np.array(values))
    assert len(x) <= 400
    assert (x[0], share[0]) == (min(values), 1 / len(values))
    assert (x[-1], share[-1]) == (max(values), 1.0)
    ordered = sorted(values)
    for value, part in zip(x, share, strict=True):
        assert value == ordered[round(part * len(values)) - 1]
