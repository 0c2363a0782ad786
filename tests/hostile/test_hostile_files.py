"""Files made to do harm: each is refused in one line and quickly, and nothing in it is carried out.

An audit hook watches for what a payload would do: start a program, open a connection, unpickle.
"""

import gzip
import json
import os
import pickle
import struct
import sys
import time
from hashlib import sha256
from pathlib import Path

import pytest
from roads import FIG3, cars, market, road

from simmig.cli.main import main

MOST_S = 2.0  # of this process's CPU time: the machine may be busy
CANARY = "canary"
PREFERENCES = "preferences = { alpha = 30.0, beta = 30.0 }"
STREET = road(market(), fleet=PREFERENCES)
FCD = '<fcd-export><timestep time="0.0"><vehicle id="a" x="0" y="0"/></timestep>{}</fcd-export>'
GPX = '<gpx version="1.1" creator="x"><trk><trkseg>{}</trkseg></trk></gpx>'
WATCHED = ("subprocess.", "socket.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "pickle.", "webbrowser.")
deeds: list[str] = []
is_watching = False


def watch(event, arguments):
    if is_watching and event.startswith(WATCHED):
        deeds.append(f"{event} {arguments!r:.200}")


sys.addaudithook(watch)  # for good: Python has no way to take one out again


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """refused(arguments): the one line that a command ends with, once all that must not happen did not."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        global is_watching
        deeds.clear()
        started_s = time.process_time()
        is_watching = True
        try:
            code = main(list(arguments))
        finally:
            is_watching = False
        spent_s = time.process_time() - started_s
        line = capsys.readouterr().err.rstrip("\n")
        assert code == 2, line
        assert len(line.splitlines()) == 1
        assert line.isprintable()
        assert len(line) < 1000
        assert deeds == []
        assert spent_s < MOST_S
        assert not list(tmp_path.parent.rglob(CANARY))
        return line

    return run


def entities(kind: str) -> str:
    laughs = "".join(f'<!ENTITY l{k} "{f"&l{k - 1};" * 10}">' for k in range(1, 10))
    return {
        "billion laughs": f'<!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]>',
        "quadratic": f'<!DOCTYPE x [<!ENTITY l9 "{"a" * 2000}">]>',
        "XXE": '<!DOCTYPE x [<!ENTITY l9 SYSTEM "file:///etc/passwd">]>',
        "external DTD": '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
        "parameter entity": '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]>',
        "plain DTD": "<!DOCTYPE x>",
    }[kind]


XML = ["billion laughs", "quadratic", "XXE", "external DTD", "parameter entity", "plain DTD"]


@pytest.mark.parametrize("kind", XML)
@pytest.mark.parametrize("text", [FCD, GPX], ids=["fcd", "gpx"])
def test_xml_with_a_doctype(refused, tmp_path, text, kind):
    uses = "" if "DTD" in kind or "parameter" in kind else "<name>" + "&l9;" * 1000 + "</name>"
    (tmp_path / "trace.xml").write_text('<?xml version="1.0"?>' + entities(kind) + text.format(uses))
    assert "DOCTYPE and entity declarations are not allowed" in refused("trace", "info", "trace.xml")


@pytest.mark.parametrize("text", [FCD, GPX], ids=["fcd", "gpx"])
def test_xml_that_is_nested_two_hundred_thousand_deep(refused, tmp_path, text):
    (tmp_path / "trace.xml").write_text(text.format("<a>" * 200_000 + "</a>" * 200_000))
    assert "trace.xml:1: " in refused("trace", "info", "trace.xml")


def test_a_gzip_bomb(refused, tmp_path):
    text = FCD.format("").replace("</fcd-export>", " " * 300_000_000)
    with gzip.open(tmp_path / "trace.xml.gz", "wb", compresslevel=1) as file:
        file.write(text.encode())
    assert "unpack it yourself" in refused("trace", "info", "trace.xml.gz")


HEAD = "id,t,x,y\n"
TEXTS = {
    "too many columns": HEAD.rstrip() + ",a" * 10**6 + "\n",
    "one endless line": HEAD + "a" * 10**7,
    "one endless quote": HEAD + '"' + "a\n" * 10**6,
    "NUL": HEAD + "a\0b,0,0,0\n",
    "a number without end": HEAD + f"a,{'9' * 10**6},0,0\n",
    "a pickle": pickle.dumps(Path("x"), protocol=0).decode("latin-1"),
    "nothing": "",
    "a formula for a number": HEAD + "a,=1+1,0,0\n",
    "terminal codes for a number": HEAD + "a,\x1b[2J\x1b]0;x\x07,0,0\n",
    "markup for a number": HEAD + "a,[bold red]0[/bold red],0,0\n",
}


@pytest.mark.parametrize("kind", TEXTS)
def test_delimited_text(refused, tmp_path, kind):
    (tmp_path / "trace.csv").write_text(TEXTS[kind], encoding="utf-8", newline="")
    assert "trace.csv" in refused("trace", "info", "trace.csv")


def parquet(kind: str) -> bytes:
    return {
        "noise": b"PAR1" + os.urandom(0) + bytes(range(256)) * 64 + b"PAR1",
        "a footer larger than the file": b"PAR1" + bytes(64) + struct.pack("<I", 2**31 - 1) + b"PAR1",
        "an empty footer": b"PAR1" + struct.pack("<I", 0) + b"PAR1",
        "an encrypted footer": b"PARE" + bytes(64) + struct.pack("<I", 16) + b"PARE",
        "a pickle": b"PAR1" + pickle.dumps({"a": 1}) + b"PAR1",
    }[kind]


@pytest.mark.parametrize(
    "kind", ["noise", "a footer larger than the file", "an empty footer", "an encrypted footer", "a pickle"]
)
def test_parquet_that_is_none(refused, tmp_path, kind):
    (tmp_path / "trace.parquet").write_bytes(parquet(kind))
    assert "trace.parquet" in refused("trace", "info", "trace.parquet")


@pytest.mark.parametrize(
    "name",
    [
        f"x'; COPY (SELECT 1) TO '{CANARY}'; --.parquet",
        "*.parquet",
        "[bold]x[bold].parquet",
        "$(touch canary).parquet",
    ],
)
def test_a_name_that_is_code_somewhere(refused, tmp_path, name):
    (tmp_path / "other.parquet").write_bytes(b"PAR1 another file PAR1")
    (tmp_path / name).write_bytes(parquet("noise"))
    assert name in refused("trace", "info", name)


@pytest.mark.parametrize("name", ["http://127.0.0.1:9/x.parquet", "s3://bucket/x.parquet", "file:///etc/passwd", "|id"])
def test_an_address_is_no_file(refused, tmp_path, name):
    assert "no such file" in refused("trace", "info", name)
    (tmp_path / "street.toml").write_text(STREET.replace("cars.csv", name))
    assert "expected a file, found none" in refused("check", "street.toml")


def linked(folder: Path, kind: str, name: str) -> None:
    match kind:
        case "to itself":
            (folder / name).symlink_to(name)
        case "to endless zeros":
            (folder / name).symlink_to("/dev/zero")
        case "to a folder":
            (folder / name).symlink_to("/")
        case "a pipe that nobody writes to":
            os.mkfifo(folder / name)


LINKS = ["to itself", "to endless zeros", "to a folder", "a pipe that nobody writes to"]


@pytest.mark.parametrize("kind", LINKS)
@pytest.mark.parametrize(
    "command",
    [
        ("trace", "info", "x.csv"),
        ("check", "x.csv"),
        ("run", "x.csv"),
        ("solve", "x.csv"),
        ("sweep", "x.csv"),
        ("reproduce", "x.csv"),
        ("check", "street.toml"),
    ],
)
def test_a_link_that_leads_to_no_file(refused, tmp_path, command, kind):
    linked(tmp_path, kind, "x.csv")
    (tmp_path / "street.toml").write_text(STREET.replace("cars.csv", "x.csv"))
    assert "x.csv" in refused(*command)


TOML = {
    "deep lists": "a = " + "[" * 100_000 + "]" * 100_000,
    "deep tables": "a = " + "{a=" * 100_000 + "1" + "}" * 100_000,
    "a deep key": "a" + ".a" * 100_000 + " = 1",
    "a deep header": "[a" + ".a" * 100_000 + "]",
    "a deep key in quotes": "'a'" + " . 'a'" * 100_000 + " = 1",
    "a word without end": "a" * 4_000_000,
    "six megabytes": "a = 1\n#" + "x" * 6_000_000,
    "a number without end": STREET.replace("seed = 1", "seed = " + "9" * 10_000),
    "a seed of many digits": STREET.replace("seed = 1", "seed = " + "9" * 4_000),
    "a name without end": STREET.replace('"road"', '"' + "x" * 1_000_000 + '"'),
    "terminal codes": STREET.replace('kind = "av"', 'kind = "\\u001b[2J"'),
    "markup": STREET.replace('kind = "av"', 'kind = "[/bold]"'),
    "a script": STREET.replace('kind = "av"', 'kind = "<script>alert(1)</script>"'),
    "a module of Python's own": STREET.replace('kind = "stackelberg"', 'kind = "antigravity:Agent"'),
    "a way up": STREET.replace('kind = "stackelberg"', 'kind = "../../../etc/passwd"'),
    "an agent that is no code": STREET.replace('kind = "stackelberg"', 'kind = "cars.csv.py"'),
    "a fleet without end": STREET.replace("cycles = 5e9", "cycles = 5e9, count = 1000000000000"),
    "no number": STREET.replace("cycles = 5e9", "cycles = nan"),
    "ten thousand mistakes on one line": STREET.replace("cycles = 5e9", "cycles = 5e9, size_bit = 1"),
}


@pytest.mark.parametrize("kind", TOML)
@pytest.mark.parametrize("command", ["check", "run", "sweep"])
def test_scenario_files(refused, tmp_path, command, kind):
    (tmp_path / "cars.csv").write_text(cars(2))
    (tmp_path / "cars.csv.py").write_text("\0" * 100)
    (tmp_path / "street.toml").write_text(TOML[kind])
    line = refused(command, "street.toml")
    assert "street.toml" in line
    assert (kind == "a module of Python's own") == ("antigravity is a part of Python" in line)


LAYOUTS = {
    "deep": '{"type": "FeatureCollection", "features": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "a number without end": '{"type": "FeatureCollection", "features": [' + "9" * 10_000 + "]}",
    "no number": '{"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": '
    '{"type": "Point", "coordinates": [NaN, Infinity]}, "properties": {"id": "a"}}]}',
    "no list": '{"type": "FeatureCollection", "features": {"__class__": "os.system"}}',
}


@pytest.mark.parametrize("kind", LAYOUTS)
def test_layouts_of_rsus(refused, tmp_path, kind):
    (tmp_path / "cars.csv").write_text(cars(2))
    (tmp_path / "rsus.geojson").write_text(LAYOUTS[kind])
    text = (
        STREET[: STREET.index("[rsus]")]
        + '[rsus]\npath = "rsus.geojson"\nradius_m = 450.0\n'
        + STREET[STREET.index("[radio]") :]
    )
    (tmp_path / "street.toml").write_text(text)
    assert "rsus.geojson" in refused("run", "street.toml", "--out", "out")


TIES = {
    "a formula": "v0,v1,=1+1\n",
    "a number without end": "v0,v1," + "9" * 10**6 + "\n",
    "an endless line": "v0,v1," + ",1" * 10**6 + "\n",
    "NUL": "v0,v\0,1\n",
    "a script": "v0,<script>alert(1)</script>,1\n",
    "terminal codes": "v0,\x1b[2J,1\n",
}


@pytest.mark.parametrize("kind", TIES)
def test_social_ties(refused, tmp_path, kind):
    (tmp_path / "cars.csv").write_text(cars(3))
    (tmp_path / "ties.csv").write_text("vehicle,vehicle,weight\n" + TIES[kind])
    (tmp_path / "street.toml").write_text(STREET + '[social]\npath = "ties.csv"\n')
    assert "ties.csv" in refused("run", "street.toml", "--out", "out")


GAMES = {
    "deep": "a = " + "[" * 100_000,
    "a deep key": "a" + ".a" * 100_000 + " = 1",
    "a trillion followers": FIG3.replace('names = ["a", "b", "c"]', "count = 1000000000000").replace(
        "ties = [[0, 5, 5], [5, 0, 5], [5, 5, 0]]\n", ""
    ),
    "ties that do not fit": FIG3.replace("[0, 5, 5], ", ""),
    "a script": FIG3.replace('"social"', '"<script>"'),
}


@pytest.mark.parametrize("kind", GAMES)
def test_game_files(refused, tmp_path, kind):
    (tmp_path / "game.toml").write_text(GAMES[kind])
    assert "game.toml" in refused("solve", "game.toml")


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    """A folder with a policy that is whole: its files by name."""
    import torch

    from simmig.learning.policy import save_policy

    folder = tmp_path_factory.mktemp("policy")
    save_policy(folder, "ippo", {"a": torch.ones(3), "b": torch.zeros(2, 2)}, {}, {})
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def signed(files: dict[str, bytes], weights: bytes, **changes: object) -> dict[str, bytes]:
    """The policy with other weights, whose hash its document vouches for; a harmful author can do that."""
    document = {**json.loads(files["policy.json"]), "sha256": sha256(weights).hexdigest(), **changes}
    return {"policy.json": json.dumps(document).encode(), f"policy-{document['sha256'][:16]}.safetensors": weights}


def header(tensors: dict[str, object], data: bytes = bytes(16)) -> bytes:
    text = json.dumps(tensors).encode()
    return struct.pack("<Q", len(text)) + text + data


def other_policy(files: dict[str, bytes], kind: str) -> dict[str, bytes]:
    name = next(name for name in files if name.endswith(".safetensors"))
    weights, document = files[name], files["policy.json"]
    huge = {"a": {"dtype": "F32", "shape": [10**5, 10**5], "data_offsets": [0, 16]}}
    of = {
        "one bit is another": lambda: {**files, name: weights[:-1] + bytes([weights[-1] ^ 1])},
        "cut short": lambda: {**files, name: weights[:-5]},
        "no weights": lambda: {"policy.json": document},
        "a pickle for weights": lambda: {**files, name: pickle.dumps(Bomb())},
        "a pickle, vouched for": lambda: signed(files, pickle.dumps(Bomb())),
        "a zip, vouched for": lambda: signed(files, b"PK\x03\x04" + bytes(100)),
        "ten thousand million numbers in sixteen bytes": lambda: signed(files, header(huge)),
        "the same, said twice": lambda: signed(
            files, header(huge), tensors={"a": {"shape": [10**5, 10**5], "dtype": "float32"}}
        ),
        "a header longer than the file": lambda: signed(files, struct.pack("<Q", 2**62) + bytes(50)),
        "a deep header": lambda: signed(files, struct.pack("<Q", 99_000) + b"[" * 99_000),
        "a deep document": lambda: {**files, "policy.json": b"[" * 100_000},
        "a document without end": lambda: {**files, "policy.json": b" " * 20_000_000},
        "a document of pickle": lambda: {**files, "policy.json": pickle.dumps(Bomb())},
        "a number without end": lambda: {**files, "policy.json": b'{"schema": ' + b"9" * 10_000 + b"}"},
        "a hash that is a way up": lambda: {**files, **signed(files, weights, sha256="../../../x")},
        "not a number": lambda: signed(files, weights, meta={"agent": "ippo", "facts": {"x": float("nan")}}),
        "another agent's": lambda: signed(files, weights, meta={"agent": "<script>\x1b[2J", "facts": {}}),
        "facts that are none": lambda: signed(files, weights, meta={"agent": "ippo", "facts": {"width": 10**12}}),
    }
    return of[kind]()


class Bomb:
    def __reduce__(self):
        return os.system, (f"touch {CANARY}",)


@pytest.mark.parametrize(
    "kind",
    [
        "one bit is another",
        "cut short",
        "no weights",
        "a pickle for weights",
        "a pickle, vouched for",
        "a zip, vouched for",
        "ten thousand million numbers in sixteen bytes",
        "the same, said twice",
        "a header longer than the file",
        "a deep header",
        "a deep document",
        "a document without end",
        "a document of pickle",
        "a number without end",
        "a hash that is a way up",
        "not a number",
        "another agent's",
        "facts that are none",
    ],
)
def test_policies(refused, tmp_path, policy, kind):
    (tmp_path / "cars.csv").write_text(cars(2))
    (tmp_path / "policy").mkdir()
    for name, data in other_policy(policy, kind).items():
        (tmp_path / "policy" / Path(name).name).write_bytes(data)
    street = road(market(leaders='kind = "ippo", policy = "policy"'), fleet=PREFERENCES)
    (tmp_path / "street.toml").write_text(street)
    assert "policy" in refused("check", "street.toml")


@pytest.mark.parametrize("kind", LINKS)
def test_a_policy_that_is_a_link_to_no_file(refused, tmp_path, policy, kind):
    (tmp_path / "cars.csv").write_text(cars(2))
    (tmp_path / "policy").mkdir()
    for name in policy:
        linked(tmp_path / "policy", kind, name)
    street = road(market(leaders='kind = "ippo", policy = "policy"'), fleet=PREFERENCES)
    (tmp_path / "street.toml").write_text(street)
    assert "agents.leaders: policy" in refused("check", "street.toml")


@pytest.fixture(scope="module")
def folder_of_a_run(tmp_path_factory):
    """The files of a run folder, by name."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "cars.csv").write_text(cars(2))
    (folder / "street.toml").write_text(STREET)
    assert main(["run", str(folder / "street.toml"), "--out", str(folder / "out"), "--json"]) == 0
    return {path.name: path.read_bytes() for path in (folder / "out").iterdir()}


RUNS = {
    "a deep document": {"run.json": b"[" * 100_000},
    "a list": {"run.json": b"[]"},
    "an empty document": {"run.json": b"{}"},
    "a number without end": {"run.json": b'{"a": ' + b"9" * 10_000 + b"}"},
    "a pickle": {"run.json": pickle.dumps({})},
    "a table of noise": {"rounds.parquet": bytes(1000)},
    "a table of pickle": {"migrations.parquet": b"PAR1" + pickle.dumps({}) + b"PAR1"},
}


@pytest.mark.parametrize("kind", RUNS)
def test_run_folders(refused, tmp_path, folder_of_a_run, kind):
    (tmp_path / "out").mkdir()
    for name, data in {**folder_of_a_run, **RUNS[kind]}.items():
        (tmp_path / "out" / name).write_bytes(data)
    assert next(iter(RUNS[kind])) in refused("report", "out")


NAMES = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><script>alert(1)//",
    "{{ 7 * 7 }}",
    "$\\bad$",
    "$$",
    "[/bold]",
    "[red]x",
    "=cmd|' /C calc'!A0",
    "../../../canary",
    "\u202eevil",
    "%s%n",
)


def test_names_are_nothing_but_names_in_a_run_and_its_report(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIMMIG_RUNS", raising=False)
    lines = ["id,t,x,y"]
    for k, name in enumerate(NAMES):
        quoted = name.replace('"', '""')
        lines += [f'"{quoted}",{k},0,0', f'"{quoted}",{k + 60},600,0']
    Path("cars.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    places = {json.dumps(name)[1:-1]: (100.0 * k, float(k)) for k, name in enumerate(NAMES)}
    text = road(market(), fleet=PREFERENCES, places_m=places).replace('"road"', json.dumps("../../" + "".join(NAMES)))
    Path("street.toml").write_text(text.replace('"cars"', json.dumps(NAMES[0])), encoding="utf-8")
    deeds.clear()
    assert main(["run", "street.toml"]) == 0
    [folder] = Path("runs").iterdir()
    assert main(["report", str(folder)]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cars.csv", "runs", "street.toml"]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)" in page
    for harm in ("<script>alert(1)", "<img src=x", "</script><script>alert"):
        assert harm not in page
    assert "{{ 7 * 7 }}" in page  # no template sees it a second time
