"""Random streams: independent, reproducible in any process, one for each cause."""

import subprocess
import sys

import numpy as np
import pytest

from simmig.rng import Draws, stream


def test_a_stream_depends_on_seed_and_every_name():
    first = {
        stream(*key).random()
        for key in [(1, "a"), (2, "a"), (1, "b"), (1, "a", 0), (1, "a", "0"), (1, "ab", "c"), (1, "a", "bc")]
    }
    assert len(first) == 7
    assert stream(1, "a").random() == stream(1, "a").random()


def test_draws_are_uniform_and_uncorrelated_across_causes():
    values = np.array([Draws(7, "queue", f"v{vehicle}", 0).uniform() for vehicle in range(20_000)])
    standard_error = 1.0 / np.sqrt(12 * len(values))
    assert abs(values.mean() - 0.5) < 4 * standard_error
    assert abs(values.var() * 12 - 1.0) < 0.04
    assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 4 / np.sqrt(len(values))
    assert values.min() > 0.0
    assert values.max() < 1.0


def test_an_exponential_draw_has_its_mean():
    draws = Draws(3, "x")
    values = np.array([draws.exponential(2.0) for _ in range(40_000)])
    assert abs(values.mean() - 2.0) < 4 * 2.0 / np.sqrt(len(values))


@pytest.mark.parametrize("hash_seed", ["0", "1", "random"])
def test_draws_are_the_same_in_another_process(hash_seed):
    code = "from simmig.rng import Draws, stream;print(Draws(7, 'pairing', 'v1', 3).uniform(), stream(7, 'x').random())"
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.split() == [
        repr(Draws(7, "pairing", "v1", 3).uniform()),
        repr(stream(7, "x").random()),
    ]
