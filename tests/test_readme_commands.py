"""Everything that README.md tells the reader to type or to save works as it stands there."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SET_UP = "python3 -m venv .venv && . .venv/bin/activate && pip install -c constraints.txt -e . && simmig demo"
TEST = "pip install -c constraints.txt -e '.[test]' && pytest"
SIMMIG = (sys.executable, "-m", "simmig")


def blocks(text: str, language: str) -> list[str]:
    """The contents of the fenced blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[list[str]]:
    """The arguments of every `simmig` command in the shell blocks, in order."""
    lines = [line for block in blocks(text, "sh") for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("simmig ")]


def files(text: str) -> dict[str, str]:
    """The files that the reader is asked to save: the first line of a TOML or Python block names it."""
    found = {}
    for block in [*blocks(text, "toml"), *blocks(text, "python")]:
        name = re.match(r"# ([\w-]+\.(?:toml|py))\b", block)
        assert name, f"a block in the README does not begin with its file's name: {block[:60]!r}"
        found[name[1]] = block
    return found


@pytest.fixture(scope="module")
def readme(repository: Path) -> str:
    return (repository / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def desk(repository: Path, readme: str, tmp_path: Path) -> Path:
    """A folder like the root of the checkout, with the README's files saved in it and no runs yet."""
    for folder in ("scenarios", "traces"):
        shutil.copytree(repository / folder, tmp_path / folder)
    for name, content in files(readme).items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


def simmig(desk: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SIMMIG_RUNS": str(desk / "runs")}
    return subprocess.run(
        [*SIMMIG, *arguments],
        cwd=desk,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_the_two_commands_of_the_first_minute_stand_there_verbatim(readme: str) -> None:
    lines = [line for block in blocks(readme, "sh") for line in block.splitlines()]
    assert lines[:2] == [SET_UP, TEST]


def test_the_readme_shows_every_kind_of_command(readme: str) -> None:
    shown = {arguments[0] for arguments in commands(readme)}
    assert shown >= {"run", "check", "list", "describe", "report", "solve", "trace"}
    assert set(files(readme)) == {"my-street.toml", "undercut.py", "fig3.toml", "batch.py"}


@pytest.mark.timeout(900)
def test_every_command_of_the_readme_succeeds_in_order(readme: str, desk: Path) -> None:
    for arguments in [["demo"], *commands(readme)]:
        done = simmig(desk, *arguments)
        assert done.returncode == 0, f"simmig {shlex.join(arguments)}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
    for name in ("mine", "undercut"):
        assert (desk / "runs" / name / "report.html").is_file()


def test_the_programs_of_the_readme_run(readme: str, desk: Path) -> None:
    lines = [line for block in blocks(readme, "sh") for line in block.splitlines() if line.startswith("python ")]
    assert len(lines) == 1
    for line in lines:
        done = subprocess.run(
            [sys.executable, *shlex.split(line)[1:]], cwd=desk, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[-1]) < 1e-8  # the largest gap that it prints


def test_the_agent_of_the_readme_changes_the_prices(desk: Path) -> None:
    digests = []
    for agent in ("undercut.py", "stackelberg"):
        out = desk / "runs" / agent
        done = simmig(desk, "run", "my-street.toml", "--set", f"agents.leaders.kind={agent}", "--out", str(out))
        assert done.returncode == 0, done.stderr
        digests.append(re.search(r'"digest": "(\w+)"', (out / "run.json").read_text(encoding="utf-8"))[1])
    assert digests[0] != digests[1]


def test_every_command_of_the_programme_is_in_the_readme_s_table(readme: str, desk: Path) -> None:
    listed = set(re.findall(r"^\| `simmig (\w+)", readme, flags=re.MULTILINE))
    known = re.findall(r"^\s{0,4}(?:│ )?([a-z]+) {2,}\S", simmig(desk, "--help").stdout.partition("Commands")[2], re.M)
    assert listed == set(known)


def test_every_file_that_the_readme_names_exists(readme: str, repository: Path) -> None:
    named = set(re.findall(r"`((?:scenarios|traces|\.ci)/[\w./-]*|[A-Z]+\.\w+|LICENSE|constraints\.txt)`", readme))
    assert len(named) >= 5
    assert [name for name in sorted(named) if not (repository / name).exists()] == []
