import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from simmig.errors import InputError, RunError
from simmig.learning.curves import CurveWriter, read_curve, to_tensorboard


def write(writer: CurveWriter, first: int, last: int) -> None:
    for n in range(first, last + 1):
        values: dict[str, Any] = {"price": np.array([1.0 / n, 2.0 / n]), "loss": 0.1 * n}
        if n % 2 == 0:
            values["regret"] = [float("nan"), n / 3]
        writer.append(n, 256 * n, 0.25 * n, values)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "new" / "curve.jsonl"
    write(CurveWriter.start(path), 1, 4)
    return path


def test_a_line_is_what_the_docstring_says(path: Path) -> None:
    lines = path.read_bytes().decode().splitlines()
    assert [json.loads(line) for line in lines[:2]] == [
        {"iteration": 1, "plays": 256, "cpu_s": 0.25, "price": [1.0, 2.0], "loss": 0.1},
        {"iteration": 2, "plays": 512, "cpu_s": 0.5, "price": [0.5, 1.0], "loss": 0.2, "regret": [None, 2 / 3]},
    ]
    assert path.read_bytes().endswith(b"}\n")


def test_a_curve_is_read_exactly_with_a_column_for_every_agent(path: Path) -> None:
    expected = pd.DataFrame(
        {
            "iteration": [1, 2, 3, 4],
            "plays": [256, 512, 768, 1024],
            "cpu_s": [0.25, 0.5, 0.75, 1.0],
            "price.0": [1.0, 0.5, 1 / 3, 0.25],
            "price.1": [2.0, 1.0, 2 / 3, 0.5],
            "loss": [0.1, 0.2, 0.1 * 3, 0.4],
            "regret.0": [np.nan] * 4,
            "regret.1": [np.nan, 2 / 3, np.nan, 4 / 3],
        }
    )
    pd.testing.assert_frame_equal(read_curve(path), expected, check_exact=True)


def test_an_empty_curve_has_its_columns(tmp_path: Path) -> None:
    CurveWriter.start(tmp_path / "curve.jsonl")
    table = read_curve(tmp_path / "curve.jsonl")
    assert list(table.columns) == ["iteration", "plays", "cpu_s"]
    assert len(table) == 0
    assert list(table.dtypes) == ["int64", "int64", "float64"]


@pytest.mark.parametrize("left", range(1, 60, 7))
def test_a_torn_last_line_is_not_read(path: Path, left: int) -> None:
    whole = read_curve(path)
    data = path.read_bytes()
    path.write_bytes(data + data.splitlines(keepends=True)[-1][:left])
    pd.testing.assert_frame_equal(read_curve(path), whole)


@pytest.mark.parametrize("iteration", [0, 1, 3, 4])
@pytest.mark.parametrize("torn", [b"", b'{"iteration": 5, "pl'])
def test_a_resumed_curve_is_that_of_an_uninterrupted_run(path: Path, iteration: int, torn: bytes) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    write(CurveWriter.resume(path, iteration), iteration + 1, 4)
    assert path.read_bytes() == whole


def test_a_curve_that_does_not_reach_the_iteration_is_not_resumed(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(
        InputError, match=r"curve\.jsonl: has no iteration 6 to resume from; the last one before it is 4"
    ):
        CurveWriter.resume(path, 6)
    assert path.read_bytes() == before
    with pytest.raises(InputError, match=r"none\.jsonl: cannot be read \(No such file"):
        CurveWriter.resume(path.with_name("none.jsonl"), 1)


def test_a_killed_writer_leaves_whole_iterations_in_order(tmp_path: Path) -> None:
    path = tmp_path / "curve.jsonl"
    writer = f"""
from pathlib import Path
from simmig.learning.curves import CurveWriter
writer = CurveWriter.start(Path({str(path)!r}))
for n in range(1, 10**9):
    writer.append(n, n, 0.0, {{"price": [float(n)] * 500}})
    if n == 50:
        print("going", flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", writer], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"going\n"
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    table = read_curve(path)
    assert len(table) >= 50
    assert list(table["iteration"]) == list(range(1, len(table) + 1))
    assert (table["price.499"] == table["iteration"]).all()


def test_every_iteration_is_in_the_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "curve.jsonl"
    writer = CurveWriter.start(path)
    for n in (1, 2):
        writer.append(n, n, 0.0, {})
        assert len(read_curve(path)) == n
    writer.sync()


def test_an_existing_curve_is_not_overwritten(path: Path) -> None:
    with pytest.raises(InputError, match="exists already; expected a new file, or a training to resume"):
        CurveWriter.start(path)
    with pytest.raises(InputError, match="cannot be created"):
        CurveWriter.start(path / "below.jsonl")


@pytest.mark.parametrize("value", [float("inf"), [1.0, -np.inf], np.zeros((2, 2))])
def test_a_value_that_is_infinite_or_a_matrix_is_refused(path: Path, value: Any) -> None:
    writer, before = CurveWriter.resume(path, 4), path.read_bytes()
    with pytest.raises(RunError, match=r"curve\.jsonl: iteration 5: loss is .*; expected finite numbers"):
        writer.append(5, 1, 0.0, {"loss": value})
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("{", "expected a JSON object with iteration, plays, cpu_s"),
        ("[1]", "expected a JSON object"),
        ('{"iteration": 5, "plays": 1}', "expected a JSON object"),
        ('{"iteration": 5.0, "plays": 1, "cpu_s": 1.0}', "expected a JSON object"),
        ('{"iteration": 5, "plays": 1, "cpu_s": null}', "expected a JSON object"),
        ('{"iteration": 4, "plays": 1, "cpu_s": 1.0}', "iteration 4 does not follow the line before"),
        ('{"iteration": 5, "plays": 1, "cpu_s": 1.0, "loss": "low"}', "loss is low; expected a number"),
        ('{"iteration": 5, "plays": 1, "cpu_s": 1.0, "loss": [[1]]}', r"loss is \[\[1\]\]; expected a number"),
        ("\x80", "expected a JSON object"),
    ],
)
def test_a_line_that_is_no_iteration_is_named(path: Path, line: str, expected: str) -> None:
    with path.open("a", encoding="latin-1") as file:
        file.write(line + "\n")
    with pytest.raises(InputError, match=rf"curve\.jsonl: line 5: {expected}"):
        read_curve(path)


def events(path: Path) -> list[Any]:
    """The events of a TensorBoard file: records of length, checksum, protocol buffer, checksum."""
    from tensorboardX.proto.event_pb2 import Event

    data, found = path.read_bytes(), []
    while data:
        length = int.from_bytes(data[:8], "little")
        found.append(Event.FromString(data[12 : 12 + length]))
        data = data[12 + length + 4 :]
    return found


def test_tensorboard_reads_every_number_of_the_curve(path: Path, tmp_path: Path) -> None:
    curve = read_curve(path)
    version, *points = events(to_tensorboard(curve, tmp_path / "board"))
    assert version.file_version == "brain.Event:2"
    charts: dict[str, list[tuple[int, float, float]]] = {}
    for event in points:
        (value,) = event.summary.value
        charts.setdefault(value.tag, []).append((event.step, event.wall_time, value.simple_value))
    assert set(charts) == {"plays", "cpu_s", "loss", "price/0", "price/1", "regret/1"}
    assert charts["price/1"] == [(n, 0.25 * n, float(np.float32(2.0 / n))) for n in (1, 2, 3, 4)]
    assert charts["regret/1"] == [(n, 0.25 * n, float(np.float32(n / 3))) for n in (2, 4)]


def test_events_are_not_mixed_with_those_of_another_curve(path: Path, tmp_path: Path) -> None:
    to_tensorboard(read_curve(path), tmp_path / "board")
    with pytest.raises(InputError, match="board: has TensorBoard events already; expected a new folder"):
        to_tensorboard(read_curve(path), tmp_path / "board")


def test_without_the_library_the_error_says_what_to_install(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(InputError, match=r"^TensorBoard export: .*tensorboardX.*\(pip install 'simmig\[track\]'\)$"):
        to_tensorboard(read_curve(path), tmp_path / "board")
    assert not (tmp_path / "board").exists()
