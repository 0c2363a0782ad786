"""Reading a scenario file: every mistake is one line with file, line, path, value and what was expected."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.errors import InputError, ScenarioError
from simmig.scenario import load_scenario

MINIMAL = """\
schema = 1
name = "plain"
[[fleet]]
name = "cars"
kind = "av"
trace = { path = "street.csv" }
twin = { size_bit = 8e7, cycles = 5e9 }
[migration]
trigger = { kind = "plain.py" }
[rsus]
path = "rsus.csv"
"""
TRIGGER = "from simmig.contracts import Plugin\nclass Trigger(Plugin):\n    margin_m: float = 0.0\n"


def mistakes(text: str, *overrides: str) -> list[str]:
    Path("s.toml").write_text(text)
    with pytest.raises(ScenarioError) as caught:
        load_scenario("s.toml", overrides)
    return str(caught.value).splitlines()


@pytest.fixture
def minimal(folder: Path) -> str:
    (folder / "plain.py").write_text(TRIGGER)
    return MINIMAL


def test_the_sample_is_read(folder: Path, sample: str) -> None:
    (folder / "s.toml").write_text(sample)
    scenario = load_scenario(folder / "s.toml", ["seed=8", "fleet.cars.twin.cycles={choice=[1e9]}"])
    assert (scenario.name, scenario.seed, scenario.duration_s) == ("two-rsu-street", 8, 600.0)
    assert scenario.source == folder / "s.toml"
    assert scenario.base_dir == folder
    assert scenario.fleet[0].twin.size_bit.mean() == 240e6
    assert scenario.fleet[0].twin.cycles.mean() == 1e9
    assert scenario.migration.trigger.kind == "coverage_exit"
    assert scenario.migration.trigger.settings == {"margin_m": 20.0}
    assert scenario.radio.channel.typical.plugin.model_dump()["exponent"] == 2.0
    assert scenario.market is not None
    assert scenario.market.game.plugin.model_dump()["leader_model"] == "anticipating"


def test_every_mistake_is_told_at_once_in_the_order_of_the_file(folder: Path, sample: str) -> None:
    text = (
        sample.replace("seed = 7", 'seed = "7"')
        .replace('format = "csv"', 'format = "csv", colums = {}, split_gap_s = nan')
        .replace("cycles = 5e9, ", "")
        .replace("alpha = 30.0", 'alpha = "x"')
        .replace("compute_hz = 15e9", "computehz = 15e9")
        .replace("5.9e9", "5.9")
        .replace("figure_db", "figure_bd")
        .replace('"shannon"', '"shanon"')
        .replace("margin_m = 20.0", "margin_m = 'x'")
        .replace("round_s = 0.5", "rond_s = 0.5")
        .replace('"stackelberg"', '"stackleberg"')
    )
    draw = (
        "expected a number or a draw: { uniform = [low, high] }, { choice = [..] }, "
        "{ exponential = mean } or { normal = [mean, sd], low = x, high = y }"
    )
    assert mistakes(text) == [
        "s.toml:3: seed: '7': expected a whole number",
        's.toml:9: fleet.0.trace.colums: {}: unknown key (did you mean "columns"?)',
        "s.toml:9: fleet.0.trace.split_gap_s: nan: expected a finite number",
        "s.toml:10: fleet.0.twin.cycles: missing, and it has no default",
        f"s.toml:11: fleet.0.preferences.alpha: 'x': {draw}",
        's.toml:15: rsus.defaults.computehz: 15000000000.0: unknown key (did you mean "compute_hz"?)',
        "s.toml:20: radio.carrier_hz: 5.9: expected 1e+06 to 1e+12 Hz",
        's.toml:21: radio.noise.figure_bd: 9.0: unknown key (did you mean "figure_db"?)',
        "s.toml:23: radio.rate.kind: 'shanon': expected 'shannon', 'nr_256qam' (did you mean \"shannon\"?)",
        "s.toml:27: migration.trigger.margin_m: 'x': expected a number",
        "s.toml:31: market.round_s: missing, and it has no default",
        's.toml:33: market.rond_s: 0.5: unknown key (did you mean "round_s"?)',
        "s.toml:36: agents.leaders.kind: agent 'stackleberg': no agent has this name (did you mean \"stackelberg\"?)",
    ]


RADIO = "[radio]\n{}\n[rsus]"
CASES = [
    ("schema = 1", "schema = 2", "1: schema: 2: expected 1"),
    ('name = "plain"\n', "", " name: missing, and it has no default"),
    ('"av"', '"car"', "5: fleet.0.kind: 'car': expected 'av' or 'uav'"),
    (
        "[[fleet]]",
        "[fleet]",
        "3: fleet: {'kind': 'av', 'name': 'cars', 'trace': {'path': 'street.csv'}, "
        "'twin': {'cycles': 5000000000.0, 'size_bit': 80000000.0}}: expected a list [ ... ]",
    ),
    (
        "street.csv",
        "stret.csv",
        "6: fleet.0.trace.path: 'stret.csv': expected a file, found none at 'stret.csv' (did you mean \"street.csv\"?)",
    ),
    ("street.csv", ".", "6: fleet.0.trace.path: '.': expected a file, '.' is a folder"),
    ("street.csv", "\\u0000", "6: fleet.0.trace.path: '\\x00': expected a file, found none at '\\x00'"),
    ('"street.csv" }', '"street.csv", columns = {} }', "6: fleet.0.trace.columns: {}: unknown key"),
    (
        '"street.csv" }',
        '"street.csv", format = "cvs" }',
        "6: fleet.0.trace.format: format 'cvs': no format has this name (did you mean \"csv\"?)",
    ),
    ('"street.csv" }', '"street.csv", format = 3 }', "6: fleet.0.trace.format: 3: expected text in quotes"),
    ("twin = {", "twin = 3 #", "7: fleet.0.twin: 3: expected a table { ... }"),
    ("= 8e7", "= 8e-7", "7: fleet.0.twin.size_bit: 8e-07: expected 1 to 1e+15 bit"),
    (
        "= 8e7",
        "= { uniform = [2, 1] }",
        "7: fleet.0.twin.size_bit.uniform: [2.0, 1.0]: expected [low, high] with low <= high",
    ),
    ("= 8e7", "= { choice = [1, 'x'] }", "7: fleet.0.twin.size_bit.choice.1: 'x': expected a number"),
    ("= 5e9", "= 5e9, count = 1.5", "7: fleet.0.twin.count: 1.5: expected a whole number"),
    ("= 5e9", "= 5e9, count = true", "7: fleet.0.twin.count: True: expected a whole number"),
    (
        '"plain.py"',
        '"plain.py:Trigr"',
        "9: migration.trigger.kind: trigger 'plain.py:Trigr': {folder}/plain.py: expected a class Trigr, there is none",
    ),
    ('{ kind = "plain.py" }', "{}", "9: migration.trigger.kind: missing, and it has no default"),
    ('{ kind = "plain.py" }', '"a3"', "9: migration.trigger: 'a3': expected a table { kind = \"...\", ... }"),
    ('"rsus.csv"', '"rsus.csv"\nunit = []', "12: rsus.unit: []: expected at least 1 entries"),
    (
        'path = "rsus.csv"',
        "",
        "10: rsus: expected either path, a file of RSUs, or [[rsus.unit]] tables, and not both",
    ),
    (
        "[rsus]",
        RADIO.format('preset = "paper"'),
        '11: radio.preset: \'paper\': expected one of "paper-001", "paper-002", "physical" (did you mean "paper-002"?)',
    ),
    (
        "[rsus]",
        RADIO.format("fading = { kind = 'rayleigh', mode = 'block' }"),
        '11: radio.fading: mode = "block" needs coherence_s, for example coherence_s = 0.01',
    ),
    ("[rsus]", RADIO.format("noise = 3"), "11: radio.noise: 3: expected a table { ... }"),
    (
        "[rsus]",
        RADIO.format("noise = { power_dbm = 1 }"),
        "11: radio.noise.kind: {'power_dbm': 1}: expected a table with a key kind",
    ),
    (
        "[rsus]",
        RADIO.format("channel = { kind = 'constant', gain_db = { choice = ['x'] } }"),
        "11: radio.channel.gain_db.choice.0: 'x': expected a number",
    ),
    (
        "[rsus]",
        RADIO.format("noise = { kind = 'fixed', power_dbm = { uniform = [0, 1e3] } }"),
        "11: radio.noise.power_dbm: 1000.0: expected at most 100",
    ),
    ("[rsus]", '"\\u001b[31m" = 1\n[rsus]', "10: migration.'\\x1b[31m': 1: unknown key"),
]


@pytest.mark.parametrize(("old", "new", "line"), CASES)
def test_one_mistake_is_one_line(minimal: str, folder: Path, old: str, new: str, line: str) -> None:
    assert old in minimal
    assert mistakes(minimal.replace(old, new, 1)) == [f"s.toml:{line.replace('{folder}', str(folder))}"]


def test_a_name_that_is_nonsense_makes_no_endless_line(minimal: str) -> None:
    [line] = mistakes(minimal + "x" * 5000 + " = 1")
    assert line.startswith("s.toml:12: rsus.xxx")
    assert line.endswith("xxx: 1: unknown key")
    assert len(line) < 420


def test_overrides_are_blamed_where_they_are_the_cause(minimal: str) -> None:
    lines = mistakes(minimal + "seed = 'x'\n", "market.rond_s=0.2", "fleet.cars.kind=car")
    assert lines[0] == "s.toml:12: rsus.seed: 'x': unknown key"
    assert sorted(lines[1:]) == [
        "--set fleet.cars.kind=car: fleet.0.kind: 'car': expected 'av' or 'uav'",
        "--set market.rond_s=0.2: market.game: missing, and it has no default",
        '--set market.rond_s=0.2: market.rond_s: 0.2: unknown key (did you mean "round_s"?)',
        "--set market.rond_s=0.2: market.round_s: missing, and it has no default",
    ]


TWICE = "this key or table was given before"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"a = 1\nb = \n", ":2: column 5: not TOML: invalid value"),
        (b"a = 1\n[b]\nc = 1\nc = 2\n", f":4: column 6: not TOML: cannot overwrite a value: {TWICE}"),
        (b"[a]\n[a]\n", f":2: column 3: not TOML: cannot declare ('a',) twice: {TWICE}"),
        (b"a = '''\n\n", ":3: not TOML: expected \"'''\" (at end of document)"),
        (b"a = 1\nb = '\xff'\n", ":2: byte 0xff: expected text in UTF-8"),
        (b"a = " + b"[" * 100_000, ": arrays or tables are nested too deeply"),
        (b"a = " + b"9" * 5000, ": a whole number of more than 4300 digits"),
        (b"#" * 5_000_001, ": 5000001 bytes, expected at most 5000000; list RSUs in a CSV file"),
    ],
    ids=range(8),
)
def test_what_is_no_toml_is_one_line(folder: Path, text: bytes, line: str) -> None:
    (folder / "s.toml").write_bytes(text)
    with pytest.raises(ScenarioError) as caught:
        load_scenario("s.toml")
    assert str(caught.value) == f"s.toml{line}"


def test_a_missing_file_names_its_neighbour(folder: Path) -> None:
    (folder / "street.toml").write_text("")
    for name, text in (
        ("stret.toml", 'stret.toml: no such file (did you mean "street.toml"?)'),
        (".", ".: cannot be read: Is a directory"),
        ("street.toml/x", "street.toml/x: cannot be read: Not a directory"),
        ("a\0b", "a\0b: cannot be read: embedded null byte"),
    ):
        with pytest.raises(ScenarioError) as caught:
            load_scenario(name)
        assert str(caught.value) == text


def test_line_ends_and_byte_order_marks_of_other_systems_are_read(minimal: str) -> None:
    Path("s.toml").write_bytes(b"\xef\xbb\xbf" + minimal.replace("\n", "\r\n").encode())
    assert load_scenario("s.toml").name == "plain"
    assert mistakes(minimal.replace('"av"', '"car"').replace("\n", "\r\n"))[0].startswith("s.toml:5:")


def test_very_many_mistakes_are_counted(minimal: str) -> None:
    lines = mistakes("".join(f"k{index} = 1\n" for index in range(1000)) + minimal)
    assert len(lines) == 51
    assert lines[0] == "s.toml:1: k0: 1: unknown key"
    assert lines[-1] == "s.toml: and 950 more mistakes"


def test_paths_start_from_the_scenario_file(minimal: str, folder: Path) -> None:
    inner = folder / "inner"
    inner.mkdir()
    text = minimal.replace("street.csv", "../street.csv").replace("rsus.csv", "../rsus.csv")
    (inner / "s.toml").write_text(text.replace("plain.py", "../plain.py"))
    assert load_scenario("inner/s.toml").fleet[0].trace.path == "../street.csv"
    (inner / "s.toml").write_text(text.replace("../street.csv", "street.csv"))
    with pytest.raises(ScenarioError, match=r"found none at 'inner/street\.csv'"):
        load_scenario("inner/s.toml")


PIECES = [
    *(b"nan", b"[", b"]", b"{", b"}", b'"""', b"'''", b"=", b"#", b"1e999", b"9" * 400, b"true", b"\n", b"."),
    *(b"1979-05-27 07:32:00", b"[]", b"{}", b"\xff", b"\x00", b"[[fleet]]\n", b'"\\u0000"', b"{uniform=[1,2]}"),
]


@settings(deadline=None, max_examples=100, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_property_no_damage_to_a_file_ends_in_anything_but_lines(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    folder = tmp_path_factory.getbasetemp() / "damaged"
    folder.mkdir(exist_ok=True)
    for name, text in (("plain.py", TRIGGER), ("street.csv", ""), ("rsus.csv", "")):
        (folder / name).write_text(text)
    luck, data = random.Random(seed), bytearray(MINIMAL.encode())
    for _ in range(luck.randint(1, 4)):
        at = luck.randrange(len(data))
        data[at : at + luck.choice([0, 0, 1, 5, 20])] = luck.choice([b"", *PIECES])
    (folder / "s.toml").write_bytes(data)
    try:
        load_scenario(folder / "s.toml")
    except InputError as error:
        lines = str(error).splitlines()
        assert lines
        assert all(line.startswith(str(folder / "s.toml")) and line.isprintable() for line in lines)
