"""`simmig check`, and what every command shares: exit codes, one line for an error, one JSON document."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simmig import __version__
from simmig.cli.main import app, main
from simmig.errors import RunError

GOOD = """\
schema = 1
name = "street [/bold] $x$"
[[fleet]]
name = "cars"
kind = "av"
trace = { path = "cars.csv" }
twin = { size_bit = 8e7, cycles = 5e9 }
[migration]
trigger = { kind = "own.py" }
[rsus]
path = "rsus.csv"
"""
TRIGGER = "from simmig.contracts import Plugin\nclass Trigger(Plugin):\n    margin_m: float = 0.0\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.toml").write_text(GOOD)
    (tmp_path / "bad.toml").write_text(GOOD.replace('"av"', '"car"').replace("cycles", "cycls"))
    (tmp_path / "own.py").write_text(TRIGGER)
    (tmp_path / "cars.csv").write_text("")
    (tmp_path / "rsus.csv").write_text("")
    return tmp_path


BAD = [
    "bad.toml:5: fleet.0.kind: 'car': expected 'av' or 'uav'",
    "bad.toml:7: fleet.0.twin.cycles: missing, and it has no default",
    'bad.toml:7: fleet.0.twin.cycls: 5000000000.0: unknown key (did you mean "cycles"?)',
]


def test_check_says_what_is_wrong_with_every_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "good.toml"]) == 0
    assert capsys.readouterr() == ("good.toml: ok (street [/bold] $x$)\n", "")
    assert main(["check", "bad.toml", "good.toml", "no/s.toml"]) == 2
    out, err = capsys.readouterr()
    assert out == "good.toml: ok (street [/bold] $x$)\n"
    assert err.splitlines() == [*BAD, "no/s.toml: no such file"]


def test_check_prints_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", "good.toml", "bad.toml"]) == 2
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out) == {
        "schema": 1,
        "ok": False,
        "files": [
            {"file": "good.toml", "ok": True, "name": "street [/bold] $x$", "problems": []},
            {"file": "bad.toml", "ok": False, "name": None, "problems": BAD},
        ],
    }
    assert main(["check", "--json", "good.toml"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True


def test_check_applies_overrides(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "good.toml", "--set", "fleet.cars.kind=uav", "--set", "seed=x"]) == 2
    assert capsys.readouterr().err == "--set seed=x: seed: 'x': expected a whole number\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["chek"], "No such command 'chek'"),
        (["check"], "Missing argument"),
        (["check", "--josn", "x"], "--josn"),
        (["check", "good.toml", "--set"], "--set"),
        (["--nothing"], "--nothing"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("simmig: ")
    assert err.endswith("(see simmig --help)\n")
    assert err.count("\n") == 1
    assert text in err


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"simmig {__version__}\n"
    for arguments in ([], ["--help"]):
        assert main(arguments) == 0
        out = capsys.readouterr().out
        assert all(f"\n  {command} " in out for command in ("check", "list", "describe", "schema"))


def failing(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("simmig.scenario.load_scenario", fail)
    return main(["check", "good.toml"])


def test_a_failed_run_is_exit_code_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert failing(RunError("round 3: no equilibrium"), monkeypatch) == 1
    assert capsys.readouterr() == ("", "round 3: no equilibrium\n")


def test_an_interrupt_is_exit_code_130(monkeypatch: pytest.MonkeyPatch) -> None:
    assert failing(KeyboardInterrupt(), monkeypatch) == 130


def test_a_bug_is_not_dressed_up_as_wrong_input(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError):
        failing(ZeroDivisionError(), monkeypatch)


def test_every_command_is_documented() -> None:
    for command in app.registered_commands:
        assert command.callback is not None
        assert (command.callback.__doc__ or "").strip()


def started(*arguments: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    code = "import sys; from simmig.cli.main import main; sys.exit(main())"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": "ascii"}
    return subprocess.run([sys.executable, "-c", code, *arguments], env=environment, check=False, timeout=60, **options)  # type: ignore[call-overload,no-any-return]


def test_a_reader_that_stops_early_hears_no_complaint() -> None:
    read, write = os.pipe()
    os.close(read)
    done = started("schema", stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


def test_names_that_a_terminal_cannot_show_are_escaped(folder: Path) -> None:
    (folder / "good.toml").write_text(GOOD.replace("street", "stra\u00dfe"))
    done = started("check", "good.toml", capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"good.toml: ok (stra\\xdfe [/bold] $x$)\n"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from simmig.cli.main import main; main(['--help']); "
        "print([name for name in ('numpy', 'pydantic', 'pandas', 'scipy', 'duckdb', 'simpy') if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, timeout=60)
    assert done.stdout.decode().splitlines()[-1] == "[]"
