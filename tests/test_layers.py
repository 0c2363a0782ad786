"""House rules that can be read off the source: who imports whom, who opens files, where chance comes from."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

# Lowest first. A module imports from lower rows and its own part only; the parts of one row are strangers.
ROWS = (
    ("errors",),
    ("units", "rng", "processes"),
    ("contracts", "records"),
    ("geometry", "log"),
    ("mobility", "radio", "twins", "qoe", "games"),
    ("plugins",),
    ("scenario",),
    ("world",),
    ("engine",),
    ("measure",),
    ("metrics",),
    ("report",),  # below run, because every run folder holds its report
    ("run",),
    ("env",),
    ("learning",),
    ("compare", "view"),
    ("testing",),
    ("cli",),
    ("__main__",),
)
LEVEL = {part: level for level, row in enumerate(ROWS) for part in row}
PURE = ("mobility", "radio", "twins", "qoe", "games")
# The pure parts open no files, but for those whose whole purpose is to read or write one.
READERS = re.compile(r"simmig\.(mobility\.((formats|writers)\b.*|layout)|games\.ties)$")
# Slow to import, hence only inside the function that needs them: `simmig --help` must be quick.
SLOW = (
    "duckdb",
    "gymnasium",
    "jinja2",
    "matplotlib.pyplot",
    "networkx",
    "onnx",
    "onnxruntime",
    "pandas",
    "pettingzoo",
    "pyproj",
    "pyulog",
    "ray",
    "scipy.optimize",
    "scipy.stats",
    "shapely",
    "starlette",
    "tensorboardX",
    "tensordict",
    "torch",
    "torchrl",
    "uvicorn",
)
# What is made of tensors may import these at the top; everybody else imports these parts inside a function, but for
# the modules that an agent's file needs to say what it is.
OF_TENSORS = ("env", "learning")
TENSORS = ("gymnasium", "pettingzoo", "tensordict", "torch", "torchrl")
WITHOUT_TENSORS = ("simmig.learning.agent", "simmig.learning.recipe")
OPENERS = {
    *("open", "read_text", "read_bytes", "write_text", "write_bytes"),
    *("loadtxt", "genfromtxt", "fromfile", "memmap", "savetxt", "tofile"),
    *("read_csv", "read_parquet", "to_csv", "to_parquet"),
}
GENERATOR_PARTS = {"Generator", "PCG64", "SeedSequence", "BitGenerator"}
LONGEST_MODULE = 300


def imported_names(node: ast.AST, module: str, is_package: bool) -> list[str]:
    """Full dotted names that one statement imports; for `from a import b` that is a.b."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        parts = module.split(".")
        package = parts[: len(parts) - node.level + is_package]
        base = ".".join([*package, base] if base else package)
    return [f"{base}.{alias.name}" for alias in node.names]


def executed_at_import(tree: ast.Module) -> Iterator[ast.AST]:
    """Every node outside functions and outside `if TYPE_CHECKING:`."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                waiting.extend(child.orelse)
                continue
            waiting.append(child)


def below(name: str, package: str) -> bool:
    """Whether a dotted name is the package or lies in it."""
    return name == package or name.startswith(package + ".")


def part_of(name: str) -> str:
    """The part of simmig that a dotted name lies in, empty for simmig itself."""
    return [*name.split("."), ""][1]


def import_faults(module: str, name: str) -> Iterator[str]:
    """What is wrong with `module` importing `name`."""
    part = part_of(module)
    if below(name, "simpy") and part != "engine":
        yield f"imports {name}, which only simmig.engine may"
    if below(name, "random") or below(name, "secrets"):
        yield f"imports {name}; draw from simmig.rng"
    if below(name, "numpy.random") and name.rsplit(".", 1)[1] not in GENERATOR_PARTS | {"random"}:
        yield f"imports {name}; draw from simmig.rng"
    if below(name, "simmig_agents"):
        yield f"imports {name}; agents are found by name at run time"
    if not below(name, "simmig") or not below(module, "simmig") or module == "simmig":
        return
    target = part_of(name)
    if target in ("", "__version__", part):
        return
    if target not in LEVEL:
        yield f"imports {name}, which has no place in the import order"
    elif LEVEL[target] >= LEVEL[part]:
        yield f"imports {name}, which is not below {part} in the import order"


def code_faults(module: str, tree: ast.Module) -> Iterator[str]:
    """What is wrong with the calls and loops of a module, whatever it imports."""
    part = part_of(module)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            dotted = ast.unparse(node)
            if re.fullmatch(r"simmig\.[A-Za-z]\w*", dotted) and below(module, "simmig"):
                yield f"line {node.lineno}: {dotted} is for users; import it from the module that defines it"
            if re.fullmatch(r"(np|numpy)\.random\.\w+", dotted) and node.attr not in GENERATOR_PARTS:
                yield f"line {node.lineno}: {dotted} is global chance; draw from simmig.rng"
        if isinstance(node, ast.Call):
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if called == "hash" and isinstance(node.func, ast.Name):
                yield f"line {node.lineno}: hash() differs from process to process"
            if called in OPENERS and part in PURE and not READERS.match(module):
                yield f"line {node.lineno}: {called}() opens a file in a pure part"
        loops = [node.iter] if isinstance(node, ast.For | ast.comprehension) else []
        for over in loops:
            is_call = isinstance(over, ast.Call) and getattr(over.func, "id", "") in ("set", "frozenset")
            if is_call or isinstance(over, ast.Set | ast.SetComp):
                yield f"line {over.lineno}: the order of a set is luck; sort it"


def slow_import(module: str, name: str) -> str:
    """The slow package that `module` must not import at its top and `name` lies in, or nothing."""
    may_hold_tensors = part_of(module) in OF_TENSORS and module not in WITHOUT_TENSORS
    slow = [package for package in SLOW if below(name, package) and not (may_hold_tensors and package in TENSORS)]
    is_heavy = part_of(name) in OF_TENSORS and below(name, "simmig")
    if is_heavy and not may_hold_tensors and not any(below(name, light) for light in WITHOUT_TENSORS):
        slow.append(f"simmig.{part_of(name)}")
    return "".join(slow[:1])


def faults(module: str, source: str, is_package: bool = False) -> list[str]:
    """Every broken rule of one module."""
    tree = ast.parse(source)
    found = list(code_faults(module, tree))
    for node in ast.walk(tree):
        for name in imported_names(node, module, is_package):
            found += [f"line {node.lineno}: {fault}" for fault in import_faults(module, name)]
    for node in executed_at_import(tree):
        for name in imported_names(node, module, is_package):
            if slow := slow_import(module, name):
                found.append(f"line {node.lineno}: imports {slow} at module level")
    if below(module, "simmig") and "simmig_agents" in source:
        found.append("names simmig_agents; simmig knows its agents only through entry points")
    lines = source.count("\n")
    if lines > LONGEST_MODULE:
        found.append(f"has {lines} lines, the most is {LONGEST_MODULE}")
    return found


def modules(repository: Path) -> list[tuple[str, Path]]:
    """(dotted name, file) of every module of simmig and of the built-in agents."""
    found = []
    for root in (repository, repository / "agents"):
        for package in ("simmig", "simmig_agents"):
            for path in sorted((root / package).rglob("*.py")):
                parts = path.relative_to(root).with_suffix("").parts
                found.append((".".join(parts[:-1] if parts[-1] == "__init__" else parts), path))
    return found


def test_every_module_keeps_the_house_rules(repository: Path) -> None:
    every = modules(repository)
    assert {name.split(".")[1] for name, _ in every if name.startswith("simmig.")} <= set(LEVEL)
    broken = [
        f"{path.relative_to(repository)}: {fault}"
        for name, path in every
        for fault in faults(name, path.read_text(encoding="utf-8"), path.name == "__init__.py")
    ]
    assert not broken, "\n" + "\n".join(broken)


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("simmig.radio.link", "from simmig.scenario import Scenario", "not below radio"),
        ("simmig.radio.link", "def f():\n    import simmig.games.social", "not below radio"),
        ("simmig.radio.link", "from ..qoe import immersion", "not below radio"),
        ("simmig.units", "from simmig import rng", "not below units"),
        ("simmig.errors", "if TYPE_CHECKING:\n    from simmig.log import EventLog", "not below errors"),
        ("simmig.run.players", "import simmig.elsewhere", "no place"),
        ("simmig.radio.link", "import simmig\nsimmig.run_scenario", "is for users"),
        ("simmig.world", "import simpy", "only simmig.engine"),
        ("simmig.world", "def f():\n    from simpy.events import Event", "only simmig.engine"),
        ("simmig.run", "import simmig_agents.stackelberg", "agents are found by name"),
        ("simmig.run", "NAME = 'simmig_agents'", "entry points"),
        ("simmig.learning.agent", "import torch.nn as nn", "torch at module level"),
        ("simmig.cli.train", "from simmig.learning.ppo import update", "simmig.learning at module level"),
        ("simmig_agents.malppo", "import torch", "torch at module level"),
        ("simmig.cli.train", "from gymnasium.spaces import Box", "gymnasium at module level"),
        ("simmig.learning.agent", "from simmig.learning.ppo import update", "simmig.learning at module level"),
        ("simmig.games.social", "try:\n    import torch\nexcept ImportError:\n    pass", "torch at module level"),
        (
            "simmig.report.figures",
            "from matplotlib import pyplot as plt",
            "matplotlib.pyplot at module level",
        ),
        ("simmig.metrics", "from scipy import stats", "scipy.stats at module level"),
        ("simmig.world", "import random", "draw from simmig.rng"),
        ("simmig_agents.greedy", "from random import choice", "draw from simmig.rng"),
        ("simmig.world", "from numpy.random import default_rng", "draw from simmig.rng"),
        ("simmig.world", "x = np.random.normal()", "global chance"),
        ("simmig_agents.greedy", "x = np.random.default_rng()", "global chance"),
        ("simmig.world", "x = hash('a')", "process to process"),
        ("simmig.world", "for x in set(names):\n    pass", "order of a set"),
        ("simmig.world", "y = [x for x in {1, 2}]", "order of a set"),
        ("simmig.games.social", "open('x')", "opens a file"),
        ("simmig.mobility.trace", "path.read_text()", "opens a file"),
        ("simmig.world", "x = 1\n" * 301, "301 lines"),
    ],
)
def test_a_planted_fault_is_found(module: str, source: str, expected: str) -> None:
    assert any(expected in fault for fault in faults(module, source)), faults(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("simmig.radio.link", "from simmig.radio.channels import free_space\nfrom simmig.rng import Draws"),
        ("simmig.radio.link", "from .channels import free_space"),
        ("simmig.cli.main", "from simmig import __version__"),
        ("simmig.run.provenance", "import simmig\nprint(simmig.__version__)"),
        ("simmig.engine.clock", "import simpy"),
        ("simmig.learning.agent", "def f():\n    import torch"),
        ("simmig.learning.agent", "if TYPE_CHECKING:\n    import torch"),
        ("simmig.learning.ppo", "import torch\nfrom simmig.env.market import Market"),
        ("simmig.env.simulation", "from pettingzoo import ParallelEnv"),
        ("simmig_agents.malppo", "from simmig.learning.agent import LearnedAgent"),
        ("simmig.report.figures", "from matplotlib.figure import Figure"),
        ("simmig.world", "def f(rng: np.random.Generator) -> float:\n    return rng.random()"),
        ("simmig.mobility.formats.gpx", "open('x')"),
        ("simmig.mobility.layout", "path.read_bytes()"),
        ("simmig.games.ties", "path.open()"),
        ("simmig_agents.greedy", "from simmig.contracts import Agent"),
        ("simmig.world", "for x in sorted({1, 2}):\n    pass"),
        ("simmig.world", "x = 1\n" * 300),
    ],
)
def test_what_is_allowed_passes(module: str, source: str) -> None:
    assert faults(module, source) == []
