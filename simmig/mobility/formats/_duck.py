"""Parquet through DuckDB, column by column into NumPy: no row ever becomes a Python object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simmig.errors import TraceError
from simmig.mobility.raw import shortened

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Columns = dict[str, tuple[str, type[np.generic]]]  # SQL and NumPy type of each array
MAGIC = b"PAR1"
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")


def connect() -> DuckDBPyConnection:
    """Return a private in-memory database with one thread, which never fetches an extension."""
    import duckdb

    # One thread decodes 36 million rows in less CPU time than two, and keeps their order at no cost.
    return duckdb.connect(config={"threads": "1", "autoinstall_known_extensions": "false"})


def sql_text(value: str) -> str:
    """Return a string literal."""
    return "'" + value.replace("'", "''") + "'"


def sql_name(name: str) -> str:
    """Return a quoted column name."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True, eq=False)
class Parquet:
    """An open Parquet file: its columns and their SQL types."""

    path: Path
    types: dict[str, str]
    connection: DuckDBPyConnection

    def count(self, where: str = "true") -> int:
        """Return the number of rows for which some SQL is true."""
        return int(self.connection.execute(f"SELECT count(*) FROM rows WHERE {where}").fetchall()[0][0])

    def first(self, where: str) -> int | None:
        """Return the number of the first row for which some SQL is true, if there is one."""
        row = self.connection.execute(f"SELECT min(file_row_number) FROM rows WHERE {where}").fetchall()[0][0]
        return None if row is None else int(row)

    def number(self, column: str) -> str:
        """Return SQL for a column as a number; raises TraceError if it holds something else."""
        if self.types[column] in ("FLOAT", "DOUBLE", *_INTEGERS):
            return f"{sql_name(column)}::DOUBLE"
        cast = f"TRY_CAST({sql_name(column)} AS DOUBLE)"
        row = self.first(f"{cast} IS NULL AND {sql_name(column)} IS NOT NULL")
        if row is None:
            return cast
        sql = f"SELECT {sql_name(column)}::VARCHAR FROM rows WHERE file_row_number = {row}"
        value = shortened(self.connection.execute(sql).fetchall()[0][0])
        raise TraceError(f"{self.places([row])[0]}: column {column}: {value} is not a number")

    def integer(self, column: str, sql_type: str) -> str:
        """Return SQL for a column as whole numbers; raises TraceError if it holds something else or nothing."""
        if self.types[column] not in _INTEGERS:
            raise TraceError(f"{self.path}: column {column} is {self.types[column]}, expected whole numbers")
        row = self.first(f"{sql_name(column)} IS NULL")
        if row is not None:
            raise TraceError(f"{self.places([row])[0]}: column {column} has no value")
        return f"{sql_name(column)}::{sql_type}"

    def codes(self, column: str, where: str = "true") -> tuple[str, tuple[str, ...]]:
        """Return SQL for a column of names as codes, and the sorted names; TraceError if one is missing."""
        name = f"{sql_name(column)}::VARCHAR"
        row = self.first(f"({where}) AND {sql_name(column)} IS NULL")
        if row is not None:
            raise TraceError(f"{self.places([row])[0]}: column {column} has no value")
        kind = sql_name(f"codes of {column}")
        self.connection.execute(
            f"CREATE TYPE {kind} AS ENUM (SELECT DISTINCT {name} FROM rows WHERE {where} ORDER BY 1)"
        )
        names = self.connection.execute(f"SELECT unnest(enum_range(NULL::{kind}))::VARCHAR").fetchall()
        return f"enum_code({name}::{kind})::INTEGER", tuple(row[0] for row in names)

    def runs(self, column: str) -> tuple[tuple[str, ...], NDArray[np.int64]] | None:
        """Return the names of a column and how many rows each has, in the order of the file.

        None if the rows of a name are not next to each other, or one has none: then ask for `codes`.
        """
        name, row = f"{sql_name(column)}::VARCHAR", "file_row_number"
        sql = f"SELECT {name}, count(*), min({row}), max({row}) FROM rows GROUP BY 1 ORDER BY 3"
        found = self.connection.execute(sql).fetchall()
        if any(text is None or last - first + 1 != count for text, count, first, last in found):
            return None
        return tuple(text for text, *_ in found), np.array([count for _, count, *_ in found], np.int64)

    def is_zero(self, column: str) -> bool:
        """Return whether a column is 0 in every row."""
        name = sql_name(column)
        sql = f"SELECT min({name}) = 0 AND max({name}) = 0 AND count({name}) = count(*) FROM rows"
        return bool(self.connection.execute(sql).fetchall()[0][0])

    def arrays(self, columns: Columns, where: str = "true") -> dict[str, NDArray[Any]]:
        """Return arrays by name, in the order of the file, of SQL expressions with their NumPy types."""
        arrays: dict[str, NDArray[Any]] = {}
        for name, (sql, dtype) in columns.items():  # one at a time: buffers beside the result are those of one column
            found = self.connection.execute(f"SELECT {sql} AS value FROM rows WHERE {where}").fetchnumpy()["value"]
            arrays[name] = np.ma.filled(found, np.nan).astype(dtype, copy=False)
        return arrays

    def metadata(self, key: str) -> str | None:
        """Return a text kept in the file beside the columns."""
        found = self.connection.execute(
            "SELECT value FROM parquet_kv_metadata(?) WHERE key = ?", [_literal(self.path), key.encode()]
        ).fetchone()
        return found[0].decode(errors="replace") if found else None

    def places(self, rows: Sequence[int], where: str = "true") -> list[str]:
        """Return "file, row n", n counted from 1, of the rows that `arrays` gave these numbers."""
        sql = f"SELECT file_row_number + 1 FROM rows WHERE {where} LIMIT 1 OFFSET"
        found = [self.connection.execute(f"{sql} {int(row)}").fetchall()[0][0] for row in rows]
        return [f"{self.path}, row {row}" for row in found]


@contextmanager
def open_parquet(path: Path) -> Iterator[Parquet]:
    """Open a file for a `with` block; raises TraceError if it is no whole Parquet file."""
    import duckdb

    source = f"read_parquet({sql_text(_literal(path))}, file_row_number = true)"
    try:
        with connect() as connection:
            connection.execute(f"CREATE VIEW rows AS SELECT * FROM {source}")
            described = connection.execute("DESCRIBE rows").fetchall()
            yield Parquet(path, {row[0]: row[1] for row in described if row[0] != "file_row_number"}, connection)
    except duckdb.Error as error:
        reason = str(error).partition("\n")[0]
        if "No magic bytes" in reason:
            reason = "no Parquet footer: the file is incomplete"
        raise TraceError(f"{path}: {reason}") from error


def _literal(path: Path) -> str:
    """Return a pattern that matches just this path."""
    return "".join(f"[{char}]" if char in "[*?" else char for char in str(path))
