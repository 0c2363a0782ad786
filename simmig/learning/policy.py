"""Policies on disk: what `simmig train` leaves and a scenario's agent loads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import Tensor

from simmig.errors import InputError
from simmig.learning.checkpoint import read_checkpoint, write_checkpoint

NAME = "policy"


def save_policy(
    folder: Path, agent: str, tensors: dict[str, Tensor], facts: dict[str, Any], origin: dict[str, Any]
) -> None:
    """Write a policy of this agent into the folder; `origin` says how it came about."""
    write_checkpoint(folder, NAME, tensors, {"agent": agent, "facts": facts, "origin": origin})


def read_policy(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any], str]:
    """Return a policy's tensors, its facts and the name of the agent that learned it.

    Raises InputError, one line, if there is none or if it is damaged.
    """
    if not (folder / f"{NAME}.json").is_file():
        raise InputError(f"{folder}: no policy here; expected a folder that `simmig train` wrote to its end")
    tensors, meta = read_checkpoint(folder, NAME)
    facts = meta.get("facts")
    if not isinstance(facts, dict):
        raise InputError(f"{folder / NAME}.json: meta has no facts; expected a policy that `simmig train` wrote")
    return tensors, facts, str(meta.get("agent"))


def load_policy(folder: Path, agent: str) -> tuple[dict[str, Tensor], dict[str, Any], str]:
    """Return a policy's tensors, its facts and the sha256 of its weights.

    Raises InputError, one line, if there is none, if it is damaged, or if another agent learned it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no policy here; expected a folder that `simmig train --agent {agent}` wrote")
    tensors, facts, learner = read_policy(folder)
    if learner != agent:
        raise InputError(f"{folder}: a policy of agent {learner!r:.80}; expected one of {agent!r}")
    digest = json.loads((folder / f"{NAME}.json").read_text(encoding="utf-8"))["sha256"]
    return tensors, facts, str(digest)
