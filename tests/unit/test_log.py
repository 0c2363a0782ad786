"""The event log: rows come back as written, and the digest moves exactly when the story does."""

import hashlib
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.log import RESULTS_VERSION, EventLog, significant
from simmig.records import LAYOUTS

ROW = (0, 1, 0, 1, 2, 3, 0, 10, 20, 30, 40, 50, 60, 70, 70, 8e7, 8e7, 1e6, 1.5, 2.0, 0.25, 1.7)


def make_log(row=ROW, vehicles=("a", "b"), rsus=("r1", "r2")):
    log = EventLog(vehicles, rsus)
    log.placement.append(1, 0, 0)
    log.migration.append(*row)
    return log


def test_rows_come_back_as_written():
    rows = make_log().migration.rows()
    assert tuple(rows[0].tolist()) == ROW
    assert rows.dtype.names == LAYOUTS["migration"].dtype.names


@pytest.mark.parametrize("count", [0, 1, 4096, 4097, 9000])
def test_columns_hold_what_the_rows_hold(count):
    log = EventLog((), ())
    for number in range(count):
        log.migration.append(number, *ROW[1:-1], number / 7)
    columns, rows = log.migration.columns(), log.migration.rows()
    assert tuple(columns) == rows.dtype.names
    for name, values in columns.items():
        assert np.array_equal(values, rows[name]), name
        assert (values.dtype, values.flags["C_CONTIGUOUS"]) == (rows.dtype[name], True)


def test_only_the_columns_that_are_named_are_copied():
    columns = make_log().migration.columns("target", "price")
    assert {name: values.tolist() for name, values in columns.items()} == {"target": [1], "price": [1.5]}


def test_a_long_digest_is_that_of_names_integers_mantissas_and_exponents_in_turn():
    # Written again from the rule, without blocks: a digest of today must be found again by any later version.
    log = make_log()
    for number in range(1, 9000):
        log.migration.append(number, *ROW[1:-1], number / 7)
    digest = hashlib.sha256(f"simmig results {RESULTS_VERSION}a\x1eb\x1dr1\x1er2\x1d".encode())
    for kind in LAYOUTS:
        rows = getattr(log, kind).rows()
        digest.update(f"{kind} {len(rows)}".encode())
        for name in rows.dtype.names:
            values = rows[name]
            for part in significant(values) if values.dtype.kind == "f" else [values]:
                digest.update(part.tobytes())
    assert log.digest() == digest.hexdigest()


def test_the_digest_ignores_what_lies_beyond_nine_digits():
    digest = make_log().digest()
    assert digest == make_log((*ROW[:-1], 1.7 * (1 + 1e-12))).digest()
    assert digest != make_log((*ROW[:-1], 1.7 * (1 + 1e-8))).digest()


@pytest.mark.parametrize("column", range(len(ROW)))
def test_every_column_counts(column):
    changed = list(ROW)
    changed[column] += 1
    assert make_log(tuple(changed)).digest() != make_log().digest()


def test_names_and_their_borders_count():
    assert make_log(vehicles=("ab", "")).digest() != make_log(vehicles=("a", "b")).digest()
    assert make_log(rsus=("r1", "r3")).digest() != make_log().digest()


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e200, max_value=1e200))
def test_property_significant_agrees_with_decimal_formatting(value):
    mantissa, exponent = significant(np.array([value]))
    if abs(value) < 1e-250:
        return
    want_mantissa, want_exponent = f"{value:.8e}".split("e")
    got = float(mantissa[0]) * 1e-8
    assert exponent[0] == int(want_exponent) or abs(abs(got) - 10.0) < 1e-6
    # A tie at the tenth digit may fall either way; nothing else may differ.
    assert abs(mantissa[0] - round(float(want_mantissa) * 1e8)) <= 1


def test_the_exponent_is_right_on_both_sides_of_every_power_of_ten():
    k = np.arange(-291, 301)
    power = np.array([float(f"1e{each}") for each in k])
    for values in (np.nextafter(power, math.inf), power, np.nextafter(power, 0.0)):
        mantissa, exponent = significant(values)  # just below, nine digits round up to the power itself
        assert set(mantissa.tolist()) == {10**8}
        assert exponent.tolist() == k.tolist()


def test_exponents_end_at_300():
    values = [1.5e300, 1e-300, np.nextafter(1e-300, 0.0), 5e-324]
    assert significant(np.array(values))[1].tolist() == [300, -300, 0, 0]


def test_values_that_are_not_finite_differ_from_each_other_and_from_zero():
    mantissa, exponent = significant(np.array([math.nan, math.inf, -math.inf, 0.0]))
    assert mantissa.tolist() == [0, 0, 0, 0]
    assert len(set(exponent.tolist())) == 4
