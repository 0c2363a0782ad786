"""Run folders: written to a temporary name and renamed, so that a folder is whole or absent."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simmig.errors import InputError, StorageError
from simmig.run.disk import sync_folder, writing

if TYPE_CHECKING:
    import pandas as pd
    from duckdb import DuckDBPyConnection

TABLES = ("migrations", "rounds", "vehicles", "rsus", "events")
# Of a million migrations, level 1 and no dictionaries of columns with thousands of different numbers take two thirds
# of the default's time and no more space.
_PARQUET = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, DICTIONARY_SIZE_LIMIT 1000"


def default_root() -> Path:
    """Return where run folders go: the environment variable SIMMIG_RUNS, else `runs` in the working folder."""
    return Path(os.environ.get("SIMMIG_RUNS") or "runs")


def choose_folder(out: Path | None, name: str, seed: int) -> Path:
    """Return a folder that does not exist yet: `out` itself, or a free name under the default root.

    Raises InputError if `out` exists: a run never overwrites another.
    """
    if out is not None:
        if out.exists():
            raise InputError(f"{out}: exists already; expected a new folder; give another one with --out")
        return out
    safe = re.sub(r"[^\w.-]+", "_", name).strip(".") or "run"
    return _free(default_root() / f"{safe}-seed{seed}")


def _free(base: Path) -> Path:
    """Return `base`, or with the first number behind it that makes it a name nothing has."""
    folder, number = base, 1
    while folder.exists():
        number += 1
        folder = base.with_name(f"{base.name}-{number}")
    return folder


class RunFolder:
    """A folder being written; use as a context manager, then `publish`. Unpublished, nothing is left behind.

    It is written at `work`, a name beside `target` unless another is given. Raises StorageError if the disk refuses.
    """

    def __init__(self, target: Path, work: Path | None = None) -> None:
        self.target = target
        self._work = work or target.with_name(f".{target.name}.tmp-{os.getpid()}")

    def __enter__(self) -> RunFolder:
        try:
            self._work.mkdir(parents=True)
        except OSError as error:
            raise InputError(f"{self.target}: cannot be created ({error.strerror}); choose another --out") from None
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._work, ignore_errors=True)

    def write_tables(self, tables: dict[str, pd.DataFrame]) -> None:
        """Write every table as Parquet, by DuckDB."""
        import duckdb

        connection = duckdb.connect(config={"threads": 1})
        try:
            for name, table in tables.items():
                connection.register("source_table", table)
                path = str(self._work / f"{name}.parquet").replace("'", "''")
                connection.execute(f"COPY source_table TO '{path}' ({_PARQUET})")
                connection.unregister("source_table")
        except duckdb.IOException as error:
            reason = " ".join(str(error).split())
            raise StorageError(f"{self.target}: cannot be written ({reason}); expected a disk with room") from None
        finally:
            connection.close()

    def write_json(self, name: str, document: dict[str, Any]) -> None:
        """Write a JSON document; NaN is refused, because it is not JSON."""
        text = json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False)
        self.write_text(name, text + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Write a text file."""
        with writing(self.target):
            (self._work / name).write_text(text, encoding="utf-8")

    def publish(self) -> Path:
        """Give the folder its name and return it: from now on it exists, whole.

        Should another run have taken the name meanwhile, the next free one is used: results are not thrown away.
        """
        with writing(self.target):
            sync_folder(self._work)
            while True:
                target = _free(self.target)
                try:
                    self._work.rename(target)
                except OSError:
                    if not target.exists():
                        raise
                else:
                    return target


def replace_text(path: Path, text: str) -> None:
    """Write a text file so that it is either the old one or the new one, never half of it."""
    work = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    try:
        work.write_text(text, encoding="utf-8")
        work.replace(path)
    except OSError as error:
        work.unlink(missing_ok=True)
        raise InputError(f"{path}: cannot be written ({error.strerror}); choose another place with --out") from None


def read_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the tables of a run folder, without events if it is partial; raises InputError if it is no run folder."""
    import duckdb

    missing = [name for name in TABLES[:-1] if not (folder / f"{name}.parquet").is_file()]
    if missing or not (folder / "run.json").is_file():
        what = f"{missing[0]}.parquet" if missing else "run.json"
        raise InputError(f"{folder}: has no {what}; expected a folder written by `simmig run`")
    connection = duckdb.connect(config={"threads": 1})
    try:
        present = [name for name in TABLES if (folder / f"{name}.parquet").is_file()]
        return {name: _read_table(connection, folder / f"{name}.parquet") for name in present}
    finally:
        connection.close()


def _read_table(connection: DuckDBPyConnection, file: Path) -> pd.DataFrame:
    import duckdb

    try:
        return connection.read_parquet(str(file)).df()
    except duckdb.Error as error:
        raise InputError(f"{file}: no table ({' '.join(str(error).split())[:200]}); run the scenario again") from None


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """Return a JSON document of a run folder; raises InputError if it is missing or broken."""
    try:
        document = json.loads((folder / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{folder}: has no {name}; expected a folder written by `simmig run`") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{folder / name}: not JSON ({error}); run the scenario again") from None
    if not isinstance(document, dict):
        raise InputError(f"{folder / name}: expected a JSON object, found {type(document).__name__}")
    return document
