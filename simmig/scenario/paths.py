"""Files that a scenario names."""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

from simmig.plugins.wording import did_you_mean, mistake
from simmig.scenario.sections import base_dir_of


def _existing(path: str, info: ValidationInfo) -> str:
    file = base_dir_of(info) / path
    # Functions of os.path, since those of pathlib raise on names that no file can have.
    if os.path.isfile(file):
        return path
    if os.path.isdir(file):
        raise mistake(path, f"expected a file, {os.path.relpath(file)!r} is a folder")
    hint = did_you_mean(file.name, (other.name for other in file.parent.glob("*") if "\0" not in path))
    raise mistake(path, f"expected a file, found none at {os.path.relpath(file)!r}{hint}")


InputPath = Annotated[str, AfterValidator(_existing)]  # as the scenario writes it, relative to the scenario file
