"""Image quality: the structural similarity (SSIM) of what the user sees to what was rendered."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from simmig.contracts import FloatArray, Plugin


class ConstantSsim(Plugin):
    """The same quality at every rate, as 001 has it; its closed forms need this."""

    kind: Literal["constant"] = "constant"
    value: Annotated[float, Field(gt=0.0, le=1.0)] = 0.9

    def ssim(self, rate_bit_s: FloatArray) -> FloatArray:
        """Return the quality, same shape as `rate_bit_s`."""
        return np.full(np.shape(rate_bit_s), self.value)


class RateCurveSsim(Plugin):
    """Quality that grows with the rate: SSIM = 1 / (1 + (R / r0)^-b), R in bits for each pixel.

    The defaults fit HEVC intra frames averaged over five natural images, within 0.0125 where they were
    measured (0.05 to 0.75 bit for each pixel); outside, R counts as the nearer end, since extrapolated curves
    mislead. A video coded with prediction needs fewer bits for the same quality.
    """

    kind: Literal["rate_curve"] = "rate_curve"
    width_px: Annotated[int, Field(gt=0)] = 1920
    height_px: Annotated[int, Field(gt=0)] = 1080
    frames_per_s: Annotated[float, Field(gt=0.0)] = 30.0
    half_bit_px: Annotated[float, Field(gt=0.0)] = 0.015857  # r0, where SSIM would be 1/2
    slope: Annotated[float, Field(gt=0.0)] = 0.789306  # b
    low_bit_px: Annotated[float, Field(gt=0.0)] = 0.05
    high_bit_px: Annotated[float, Field(gt=0.0)] = 0.75

    @model_validator(mode="after")
    def _range_is_not_empty(self) -> RateCurveSsim:
        if self.low_bit_px >= self.high_bit_px:
            raise ValueError(f"low_bit_px = {self.low_bit_px:g} must be below high_bit_px = {self.high_bit_px:g}")
        return self

    def ssim(self, rate_bit_s: FloatArray) -> FloatArray:
        """Return the quality at the given rates >= 0, same shape."""
        pixels_per_s = self.width_px * self.height_px * self.frames_per_s
        bit_px = np.clip(rate_bit_s / pixels_per_s, self.low_bit_px, self.high_bit_px)
        return 1.0 / (1.0 + (bit_px / self.half_bit_px) ** -self.slope)


SsimModel = ConstantSsim | RateCurveSsim
SsimSettings = Annotated[SsimModel, Field(discriminator="kind")]
