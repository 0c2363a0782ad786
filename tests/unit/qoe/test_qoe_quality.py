"""Rate to quality against the measured points and the fits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from simmig.qoe.quality import ConstantSsim, RateCurveSsim, SsimSettings

# bits for each pixel and SSIM averaged over the five images, HEVC intra, as measured
MEASURED = [
    (0.05, 0.7248),
    (0.075, 0.7673),
    (0.1, 0.8007),
    (0.15, 0.8477),
    (0.2, 0.8772),
    (0.3, 0.9132),
    (0.5, 0.9475),
    (0.75, 0.9664),
]
# width, height, frames per second, rate Mbit/s, SSIM of the fit, rows inside its range
FIT = [
    (1280, 720, 30.0, 5.0, 0.8723),
    (1280, 720, 30.0, 10.0, 0.9219),
    (1920, 1080, 30.0, 5.0, 0.7826),
    (1920, 1080, 30.0, 10.0, 0.8616),
    (1920, 1080, 30.0, 25.0, 0.9277),
    (1920, 1080, 60.0, 25.0, 0.8813),
    (1920, 1080, 60.0, 50.0, 0.9277),
    (3840, 2160, 60.0, 100.0, 0.8813),
]


def pixel_curve(**changes):
    """The curve with one pixel a second, so that its rate is in bits for each pixel."""
    return RateCurveSsim(width_px=1, height_px=1, frames_per_s=1.0, **changes)


@pytest.mark.parametrize(("bit_px", "measured"), MEASURED)
def test_fit_is_as_close_to_the_measurement_as_stated(bit_px, measured):
    assert pixel_curve().ssim(np.array(bit_px)) == pytest.approx(measured, abs=0.01255)


def test_root_mean_square_error_of_the_fit():
    bit_px, measured = np.array(MEASURED).T
    error = pixel_curve().ssim(bit_px) - measured
    assert np.sqrt((error**2).mean()) == pytest.approx(0.0085, abs=5e-5)
    assert np.abs(error).max() == pytest.approx(0.0125, abs=5e-5)


@pytest.mark.parametrize(("width_px", "height_px", "frames_per_s", "rate_mbit_s", "expected"), FIT)
def test_rates_of_videos(width_px, height_px, frames_per_s, rate_mbit_s, expected):
    curve = RateCurveSsim(width_px=width_px, height_px=height_px, frames_per_s=frames_per_s)
    assert curve.ssim(np.array(rate_mbit_s * 1e6)) == pytest.approx(expected, abs=5.1e-5)


@pytest.mark.parametrize(("rate_mbit_s", "quality"), [(7.45, 0.9), (15.67, 0.95)])
def test_another_codec(rate_mbit_s, quality):
    avif = RateCurveSsim(
        width_px=1280, height_px=720, half_bit_px=0.030267, slope=1.004943, low_bit_px=0.15, high_bit_px=1.0
    )
    assert avif.ssim(np.array(rate_mbit_s * 1e6)) == pytest.approx(quality, abs=5e-5)


def test_outside_its_range_the_curve_keeps_its_ends():
    low, high = pixel_curve().ssim(np.array([0.05, 0.75]))
    np.testing.assert_array_equal(pixel_curve().ssim(np.array([0.0, 0.01, 0.0499])), low)
    np.testing.assert_array_equal(pixel_curve().ssim(np.array([0.7501, 5.0, 1e9])), high)
    assert 0.7 < low < high < 0.97


def test_constant_quality():
    np.testing.assert_array_equal(ConstantSsim(value=0.8).ssim(np.array([[0.0, 1e9]])), [[0.8, 0.8]])


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.lists(st.floats(0.0, 1e10), min_size=2, max_size=20))
def test_property_quality_grows_with_the_rate_and_stays_in_range(rates):
    quality = RateCurveSsim().ssim(np.array(sorted(rates)))
    assert (np.diff(quality) >= 0.0).all()
    assert (quality > 0.0).all()
    assert (quality < 1.0).all()


def test_settings_are_told_apart_by_kind():
    adapter = TypeAdapter(SsimSettings)
    assert adapter.validate_python({"kind": "constant"}) == ConstantSsim(value=0.9)
    assert adapter.validate_python({"kind": "rate_curve"}) == RateCurveSsim()


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "constant", "value": 1.2},
        {"kind": "constant", "value": 0.0},
        {"kind": "rate_curve", "width_px": 0},
        {"kind": "rate_curve", "low_bit_px": 0.8},
        {"kind": "rate_curve", "fps": 30.0},
        {"kind": "table"},
    ],
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValidationError):
        TypeAdapter(SsimSettings).validate_python(wrong)
