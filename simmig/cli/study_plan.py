"""The plan of a study from what a command line gives: a plan file, or a scenario and options."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simmig.errors import InputError

if TYPE_CHECKING:
    from simmig.compare.studies.schema import Plan

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_SPAN = re.compile(rf"({_NUMBER}):({_NUMBER})(?::(\d+))?((?::(?:log|int))*)")
_DEFAULT_SEEDS = {"sweep": 10, "compare": 30}


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, as typed; `verb` is the command."""

    verb: str
    file: Path
    vary: list[str]
    leaders: str | None
    followers: str | None
    samples: int | None
    seeds: str | None
    settings: list[str]
    name: str | None
    measures: list[str]

    def command(self, *others: str) -> str:
        """Return the command line that asks for this again; `others` are options that change no result."""
        words = ["simmig", self.verb, str(self.file)]
        words += [word for text in self.vary for word in ("--vary", text)]
        given = {"--leaders": self.leaders, "--followers": self.followers, "--latin-hypercube": self.samples}
        given |= {"--seeds": self.seeds, "--name": self.name}
        words += [word for option, value in given.items() if value is not None for word in (option, str(value))]
        words += [word for text in self.settings for word in ("--set", text)]
        words += [word for text in self.measures for word in ("--measure", text)]
        return shlex.join([*words, *others])


def plan_of(asked: Asked) -> tuple[Plan, Path, Path | None]:
    """Return the plan, the folder that its scenario's path starts from, and the plan's file if it has one.

    Raises InputError with a line for each mistake, naming the option.
    """
    from simmig.compare.studies.schema import is_scenario, load_study

    if is_scenario(asked.file):
        return _plan_of_options(asked), Path(), None
    plan = load_study(asked.file)
    belongs = {"--vary": asked.vary, "--leaders": asked.leaders, "--followers": asked.followers}
    for option, given in (belongs | {"--latin-hypercube": asked.samples}).items():
        if given:
            where = f"simmig {asked.verb} {option}"
            raise InputError(f"{where}: {asked.file} is a plan, expected a scenario; change it in the plan instead")
    changes: dict[str, Any] = {} if asked.seeds is None else {"seeds": _seeds(asked.seeds)}
    changes |= {"set": [*plan.set, *asked.settings]}
    changes |= {"name": asked.name} if asked.name else {}
    changes |= {"measures": asked.measures} if asked.measures else {}
    return _checked(asked, plan.model_dump(by_alias=True) | changes, asked.file.parent), asked.file.parent, asked.file


def _plan_of_options(asked: Asked) -> Plan:
    from simmig.compare.studies.toml_text import split_values

    varied = {
        "vary": dict(_axis(text) for text in asked.vary),
        **({} if asked.leaders is None else {"leaders": split_values(asked.leaders, "--leaders")}),
        **({} if asked.followers is None else {"followers": split_values(asked.followers, "--followers")}),
        **({} if asked.samples is None else {"method": "latin_hypercube", "samples": asked.samples}),
        "set": asked.settings,
    }
    raw = {
        "schema": 1,
        "name": asked.name or _name(asked, varied),
        "scenario": str(asked.file),
        "seeds": _DEFAULT_SEEDS[asked.verb] if asked.seeds is None else _seeds(asked.seeds),
        **varied,
        **({"measures": asked.measures} if asked.measures else {}),
    }
    return _checked(asked, raw, Path())


def _name(asked: Asked, varied: dict[str, Any]) -> str:
    """Return a name that is the same if the same is asked, with more seeds or other measures too."""
    digits = sha256(json.dumps([asked.verb, varied], sort_keys=True).encode()).hexdigest()[:6]
    return f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', asked.file.stem).lstrip('.-') or 'study'}-{asked.verb}-{digits}"


def _seeds(text: str) -> int | list[int]:
    """Return how many seeds, or those of a list; raises InputError for anything else."""
    words = [word.strip() for word in text.split(",")]
    if not all(re.fullmatch(r"\d{1,19}", word) for word in words if word) or not any(words):
        raise InputError(f"--seeds {text}: expected how many, such as 30, or a list such as 3,5,8")
    numbers = [int(word) for word in words if word]
    return numbers if len(words) > 1 else numbers[0]


def _axis(text: str) -> tuple[str, Any]:
    """Return what "PATH=0.2,0.5" or "PATH=20:46:5:log" varies, and how."""
    from simmig.compare.studies.toml_text import split_values

    path, equals, values = text.partition("=")
    if not equals:
        examples = "market.round_s=0.2,0.5 or radio.tx_power_dbm=20:46:5"
        raise InputError(f"--vary {text}: expected PATH=VALUES, such as {examples}")
    span = _SPAN.fullmatch(values.strip())
    if span is None:
        return path.strip(), split_values(values, f"--vary {text}")
    low, high, points, flags = span.groups()
    table: dict[str, Any] = {"low": _number(low), "high": _number(high)}
    if points is not None:
        table["points"] = int(points)
    if "log" in flags:
        table["scale"] = "log"
    if "int" in flags:
        table["integer"] = True
    return path.strip(), table


def _number(text: str) -> int | float:
    return int(text) if re.fullmatch(r"[-+]?\d+", text) else float(text)


def _checked(asked: Asked, raw: dict[str, Any], base_dir: Path) -> Plan:
    """Return the plan; raises InputError with a line for each mistake, naming the option that it came from."""
    from pydantic import ValidationError

    from simmig.compare.studies.schema import Plan
    from simmig.plugins.wording import explain

    try:
        return Plan.model_validate(raw, context={"base_dir": base_dir})
    except ValidationError as error:
        details = error.errors(include_url=False)
    raise InputError("\n".join(f"simmig {asked.verb} {_place(asked, *d['loc'])}: {explain(d)}" for d in details))


def _place(asked: Asked, table: str | int = "", *rest: str | int) -> str:
    """Return the option that a part of the plan came from."""
    if table == "vary" and rest:
        return f"--vary {rest[0]}"
    options = {"samples": "--latin-hypercube", "measures": "--measure", "scenario": str(asked.file)}
    return options.get(str(table), f"--{table}")
