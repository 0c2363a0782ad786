"""Pictures and films: what is written, and what is refused."""

import os
import stat
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from simmig.errors import InputError, RunError
from simmig.view.eye import Eye
from simmig.view.film import Reel, save_film
from simmig.view.picture import Painter, save_picture
from simmig.view.recording import open_recording


@pytest.fixture(scope="module")
def painter(street_run):
    return Painter(open_recording(street_run.folder), is_flat=True)


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def count_of(image, colour):
    """How many pixels are just about of this colour."""
    rgb = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
    return int((np.abs(image - rgb).max(axis=2) < 8).sum())


def test_the_picture_shows_what_happens_then(painter, tmp_path):
    for time_s in (5.0, 64.0):
        save_picture(painter, time_s, tmp_path / f"{time_s:g}.png")
    early, later = pixels(tmp_path / "5.png"), pixels(tmp_path / "64.png")
    assert early.shape == later.shape
    assert early.shape[1] == 1440
    # Two twins on their way and two vehicles whose they are, beside the dot of the legend.
    assert count_of(later, "#d55e00") > 2.5 * count_of(early, "#d55e00")


def test_twins_on_their_way_are_on_arcs_between_their_rsus(painter):
    """At 64 s two copies, r1 to r2 and r3 to r2, each of 500 m, have taken 1 s of 1.998547 s."""
    share = 1.0 / 1.998547
    dots = next(line for line in painter.figure(64.0).axes[0].lines if line.get_markeredgecolor() == "white")
    x_m, y_m = dots.get_data()
    np.testing.assert_allclose(sorted(x_m), [500.0 * share, 1000.0 - 500.0 * share], atol=1e-3)
    np.testing.assert_allclose(y_m, 2 * share * (1 - share) * 0.3 * 500.0, atol=1e-3)


def test_the_title_has_the_figures_so_far(painter):
    assert painter.figure(64.0).axes[0].get_title(loc="left") == (
        "street at 64.0 s: 3 requests, 1 done, mean delay 2.33 s"
    )


def test_zones_of_every_shape_and_heights_are_painted(campus_run, tmp_path):
    recording = open_recording(campus_run.folder)
    for is_flat in (True, False):
        save_picture(Painter(recording, is_flat=is_flat), 200.0, tmp_path / f"{is_flat}.png")
    assert pixels(tmp_path / "True.png").shape != pixels(tmp_path / "False.png").shape


def test_vectors_are_written_too(painter, tmp_path):
    save_picture(painter, 64.0, tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text().startswith("<?xml")


def test_an_unknown_ending_is_refused(painter, tmp_path):
    with pytest.raises(InputError, match=r"expected a name that ends in \.png, \.svg, \.pdf"):
        save_picture(painter, 1.0, tmp_path / "a.bmp")
    with pytest.raises(InputError, match=r"expected a name that ends in \.gif or \.mp4"):
        save_film(painter, Reel(0.0, 1.0, 10.0, 1.0), tmp_path / "a.avi")


def test_a_place_that_cannot_be_written_is_told(painter, tmp_path):
    with pytest.raises(InputError, match=r"nowhere.a\.png: cannot be written"):
        save_picture(painter, 1.0, tmp_path / "nowhere" / "a.png")


def test_a_gif_has_the_frames_and_the_pace_that_were_asked_for(painter, tmp_path):
    save_film(painter, Reel(60.0, 66.0, 5.0, 6.0), tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as film:
        assert film.n_frames == 6
        assert film.info["duration"] == 200
        assert film.info["loop"] == 0
        frames = []
        for k in range(6):
            film.seek(k)
            frames.append(np.asarray(film.convert("RGB")).astype(int))
    assert all((a != b).any() for a, b in pairwise(frames))
    assert count_of(frames[4], "#d55e00") > count_of(frames[0], "#d55e00")


@pytest.mark.parametrize(
    ("reel", "expected"),
    [
        (Reel(0.0, 3600.0, 25.0, 1.0), "90001 frames; expected at most 1200"),
        (Reel(5.0, 5.0, 10.0, 1.0), "expected an end after the beginning"),
    ],
)
def test_a_film_of_no_or_too_many_frames_is_refused(reel, expected):
    with pytest.raises(InputError, match=expected):
        reel.times_s()


def test_frames_are_as_far_apart_as_speed_and_rate_say():
    assert Reel(10.0, 12.0, 4.0, 2.0).times_s().tolist() == [10.0, 10.5, 11.0, 11.5, 12.0]


def test_without_ffmpeg_mp4_is_refused_in_one_line(painter, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"a\.mp4: needs ffmpeg on the PATH; a name that ends in \.gif does without"):
        save_film(painter, Reel(0.0, 1.0, 2.0, 1.0), tmp_path / "a.mp4")


def fake_ffmpeg(folder, script):
    file = folder / "ffmpeg"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


def test_ffmpeg_is_given_every_frame(painter, tmp_path, monkeypatch):
    fake_ffmpeg(tmp_path, f'echo "$@" > "{tmp_path}/words"; cat > "{tmp_path}/frames"')
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    save_film(painter, Reel(60.0, 61.0, 2.0, 1.0), tmp_path / "a.mp4")
    words = (tmp_path / "words").read_text().split()
    width, height = map(int, words[words.index("-s") + 1].split("x"))
    assert words[words.index("-r") + 1] == "2"
    assert (tmp_path / "frames").stat().st_size == 3 * 3 * width * height


def test_what_ffmpeg_says_is_passed_on(painter, tmp_path, monkeypatch):
    fake_ffmpeg(tmp_path, 'echo "no such encoder" >&2; exit 1')
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(RunError, match="ffmpeg failed: no such encoder"):
        save_film(painter, Reel(60.0, 61.0, 2.0, 1.0), tmp_path / "a.mp4")


def test_perspective_keeps_the_centre_and_makes_what_is_far_smaller():
    eye = Eye(np.array([100.0, 50.0]), 1000.0, is_flat=False)
    centre, high, near, far = eye.project(
        np.array([[100.0, 50.0, 0.0], [100.0, 50.0, 80.0], [-200.0, -350.0, 0.0], [400.0, 450.0, 0.0]])
    )
    np.testing.assert_allclose(centre, 0.0, atol=1e-12)
    assert high[1] > 0.0
    assert abs(near[1]) > abs(far[1])
    flat = Eye(np.array([100.0, 50.0]), 1000.0, is_flat=True)
    np.testing.assert_array_equal(flat.project(np.array([[3.0, 4.0, 5.0]])), [[3.0, 4.0]])
