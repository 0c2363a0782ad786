"""Immersion against a table of reference values and against sums by hand."""

import math

import numpy as np
import pytest

from simmig.qoe.immersion import immersion
from simmig.qoe.quality import RateCurveSsim

# rate Mbit/s, SSIM, ln(1 + r / 1 Mbit/s), ln(SSIM / 0.525), immersion for mu = 1, rows where the fit is valid
TABLE = [
    (5.0, 0.782641, 1.791759, 0.399275, 0.715405),
    (10.0, 0.861550, 2.397895, 0.495335, 1.187762),
    (25.0, 0.927672, 3.258097, 0.569279, 1.854768),
    (45.0, 0.953265, 3.828641, 0.596495, 2.283765),
]


@pytest.mark.parametrize(("rate_mbit_s", "ssim", "log_rate", "log_ssim", "expected"), TABLE)
def test_table(rate_mbit_s, ssim, log_rate, log_ssim, expected):
    rate_bit_s = np.array(rate_mbit_s * 1e6)
    quality = RateCurveSsim().ssim(rate_bit_s)
    assert quality == pytest.approx(ssim, abs=6e-7)
    assert log_rate * log_ssim == pytest.approx(expected, abs=3e-6)
    assert immersion(rate_bit_s, quality, 0.525) == pytest.approx(expected, abs=1e-6)


def test_unit_of_the_rate_matters():
    # ln(1 + b q) of 0.3 MHz times 37.5 bit/s/Hz, in Mbit/s and in bit/s.
    rate_bit_s, ssim = np.array(0.3e6 * 37.5), np.array(math.e * 0.1)
    assert immersion(rate_bit_s, ssim, 0.1) == pytest.approx(2.505525936990736, rel=1e-12)
    per_bit = immersion(rate_bit_s, ssim, 0.1, reference_bit_s=1.0)
    assert per_bit == pytest.approx(16.23587877550359, rel=1e-12)


def test_no_rate_no_immersion_and_none_at_the_threshold():
    assert immersion(np.array(0.0), np.array(0.9), 0.525) == 0.0
    assert immersion(np.array(5e6), np.array(0.525), 0.525) == 0.0
    assert immersion(np.array(5e6), np.array(0.5), 0.525) < 0.0


def test_broadcasts():
    rate_bit_s, ssim = np.array([[1e6], [3e6]]), np.array([0.9, 0.8, 0.7])
    values = immersion(rate_bit_s, ssim, 0.525, mu=2.0)
    assert values.shape == (2, 3)
    assert values[1, 2] == pytest.approx(2.0 * math.log(4.0) * math.log(0.7 / 0.525), rel=1e-12)
