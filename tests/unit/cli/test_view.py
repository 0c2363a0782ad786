"""`simmig view` as a command."""

import re
import subprocess
import sys
import urllib.request

import pytest

from simmig.cli.main import main


@pytest.fixture(scope="module")
def run_folder(repository, simulate_file, tmp_path_factory):
    return simulate_file(repository / "scenarios" / "street.toml", tmp_path_factory.mktemp("view-cli") / "run").folder


def test_the_page_is_written_as_one_file(run_folder, tmp_path, capsys):
    file = tmp_path / "page.html"
    assert main(["view", str(run_folder), "--export", str(file)]) == 0
    assert capsys.readouterr().out.strip() == str(file)
    assert file.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_picture_and_film_are_written(run_folder, tmp_path, capsys):
    picture, film = tmp_path / "a.png", tmp_path / "a.gif"
    words = [
        "--picture",
        str(picture),
        "--at-s",
        "64",
        "--film",
        str(film),
        "--to-s",
        "2",
        "--fps",
        "1",
        "--speed",
        "2",
    ]
    assert main(["view", str(run_folder), *words]) == 0
    assert capsys.readouterr().out.split() == [str(picture), str(film)]
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert film.read_bytes()[:6] == b"GIF89a"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["RUN", "RUN", "RUN"], "3 run folders; expected one, or two"),
        (["RUN", "--scenario", "a", "--scenario", "b"], "--scenario: given 2 times"),
        (["RUN", "RUN", "--picture", "a.png"], "--picture and --film are of one run"),
        (["RUN", "--picture", "a.png", "--at-s", "161"], "--at-s 161: the run in .* ends at 160 s"),
        (["RUN", "--film", "a.gif", "--to-s", "1e9"], "--to-s 1e\\+09: the run in .* ends at 160 s"),
        (["nowhere"], "expected a folder written by `simmig run`"),
        (["RUN", "--export", "/nowhere/a.html"], "a.html: cannot be written"),
    ],
)
def test_a_mistake_is_one_line(run_folder, words, expected, capsys):
    assert main(["view", *(str(run_folder) if word == "RUN" else word for word in words)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert re.search(expected, said), said


def test_without_the_extra_it_says_what_to_install(run_folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["view", str(run_folder), "--no-browser"]) == 2
    assert "needs uvicorn (pip install 'simmig[web]'); --export FILE.html writes the page" in capsys.readouterr().err


def test_the_page_is_served_until_it_is_interrupted(run_folder):
    command = [sys.executable, "-m", "simmig", "view", str(run_folder), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            line = server.stdout.readline()
            address = line.split()[1]
            assert address.startswith("http://127.0.0.1:")
            with urllib.request.urlopen(address, timeout=30) as answer:
                assert b"simmig replay" in answer.read()
        finally:
            server.send_signal(2)
        rest, said = server.communicate(timeout=30)
    assert (server.returncode, rest, said) == (0, "", "")
