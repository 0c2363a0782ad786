"""Strict reading of delimited text: every record as long as the header, every complaint with its line."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simmig.contracts import FloatArray, IntArray
from simmig.errors import TraceError
from simmig.mobility.formats._content import open_content, read_head
from simmig.mobility.formats._rows import Codes
from simmig.mobility.raw import MAX_ID_LENGTH, shortened

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

Column = Sequence[str]
Reader = Callable[[Column, IntArray], NDArray[Any]]  # cells and the numbers of their records
_CHUNK = 1024  # records: few enough to stay in the cache, which makes reading three times quicker
_MISSING = frozenset(("", "nan", "null", "none", "na", "n/a", "inf", "+inf", "-inf", "infinity", "-infinity"))


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """Columns of `count` records: the numbers of the N that were read, and an array [N] for each column."""

    numbers: IntArray
    count: int
    columns: dict[int, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A delimited text file: its dialect and the names of its columns."""

    path: Path
    separator: str
    encoding: str
    names: tuple[str, ...]
    has_header: bool

    @contextmanager
    def _reader(self) -> Iterator[CsvReader]:
        """Open the file after its header; what goes wrong in it becomes a TraceError."""
        stream = io.TextIOWrapper(open_content(self.path), self.encoding, newline="")
        reader = csv.reader(stream, delimiter=self.separator, strict=True)
        with stream:
            try:
                if self.has_header:
                    next(reader)
                yield reader
            except UnicodeDecodeError as error:
                raise _undecodable(self.path, self.encoding) from error
            except csv.Error as error:
                hint = f"check the quotes; an id has {MAX_ID_LENGTH} characters at most"
                raise TraceError(f"{self.path}:{reader.line_num}: {error}; {hint}") from error

    def numbered(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the records after the header, each with the line where it ends, without blank ones."""
        with self._reader() as reader:
            for record in filter(None, reader):
                yield reader.line_num, record

    def gather(self, readers: Mapping[int, Reader], *, skip_ragged: bool = False) -> Gathered:
        """Return columns (by index) as arrays, made by their readers chunk by chunk.

        Raises TraceError at records that are shorter or longer than the header, unless those are to
        be skipped.
        """
        parts: dict[int, list[NDArray[Any]]] = {index: [] for index in readers}
        numbers: list[IntArray] = []
        count = 0
        with self._reader() as reader:
            records = filter(None, reader)
            while rows := list(islice(records, _CHUNK)):
                chunk = np.arange(count, count + len(rows))
                count += len(rows)
                if set(map(len, rows)) != {len(self.names)}:
                    rows, chunk = self._whole(rows, chunk, skip_ragged)
                columns = list(zip(*rows, strict=True))
                for index, read in readers.items() if rows else ():
                    parts[index].append(read(columns[index], chunk))
                numbers.append(chunk)
        if not any(map(len, numbers)):
            raise TraceError(f"{self.path}: there is no usable row after the header")
        arrays = {index: np.concatenate(part) for index, part in parts.items()}
        return Gathered(np.concatenate(numbers), count, arrays)

    def places(self, numbers: Sequence[int]) -> list[str]:
        """Return "file:line" of records by ascending number; reads the file once more."""
        wanted, found = set(numbers), []
        for number, (line, _) in enumerate(self.numbered()):
            if number in wanted:
                found.append(f"{self.path}:{line}")
            if len(found) == len(wanted):
                break
        return found

    def floats(self, name: str, decimal: str = ".") -> Reader:
        """Return a reader of numbers, not finite where one is missing; TraceError names a bad place."""

        def read(column: Column, numbers: IntArray) -> FloatArray:
            text = "".join(column)
            if "_" not in text and (decimal == "." or "." not in text):  # Python would read 1_0 as ten
                pointed = column if decimal == "." else [cell.replace(decimal, ".") for cell in column]
                with suppress(ValueError):  # some cell is not a number: look at each
                    return np.fromiter(map(float, pointed), np.float64, len(column))
            pairs = zip(column, numbers, strict=True)
            return np.array([self._float(cell, number, name, decimal) for cell, number in pairs])

        return read

    def names_of(self, codes: Codes) -> Reader:
        """Return a reader of names, each as its code."""
        return lambda column, _: np.fromiter(map(codes.__getitem__, column), np.int32, len(column))

    def each(self, name: str, convert: Callable[[str], int]) -> Reader:
        """Return a reader that converts each cell; a ValueError becomes a TraceError with its place."""

        def read(column: Column, numbers: IntArray) -> IntArray:
            with suppress(ValueError):  # some cell cannot be converted: look at each
                return np.fromiter(map(convert, column), np.int64, len(column))
            pairs = zip(column, numbers, strict=True)
            return np.array([self._converted(cell, number, name, convert) for cell, number in pairs])

        return read

    def _converted(self, cell: str, number: int, name: str, convert: Callable[[str], int]) -> int:
        try:
            return convert(cell)
        except ValueError as error:
            place = self.places([int(number)])[0]
            raise TraceError(f"{place}: column {name}: {shortened(cell)} {error}") from None

    def _float(self, cell: str, number: int, name: str, decimal: str) -> float:
        if is_missing(cell):
            return float("nan")
        try:
            if "_" in cell or (decimal != "." and "." in cell):
                raise ValueError
            return float(cell.replace(decimal, "."))
        except ValueError:
            hint = "expected one"
            if set(cell) <= set("0123456789.,-+ '"):
                hint = 'for decimal commas set decimal = ","; thousands separators are not read'
            place = self.places([int(number)])[0]
            raise TraceError(f"{place}: column {name}: {shortened(cell)} is not a number; {hint}") from None

    def _whole(self, rows: list[list[str]], numbers: IntArray, skip_ragged: bool) -> tuple[list[list[str]], IntArray]:
        """Return the records as long as the header; raises TraceError about the others unless they may go."""
        is_whole = np.array([len(row) == len(self.names) for row in rows])
        if skip_ragged:
            return [row for row in rows if len(row) == len(self.names)], numbers[is_whole]
        bad = np.flatnonzero(~is_whole)
        places = self.places(numbers[bad[:5]].tolist())
        others = f"; also {', '.join(places[1:])}" if places[1:] else ""
        raise TraceError(
            f"{places[0]}: {len(rows[bad[0]])} fields, expected {len(self.names)} as in the header "
            f"({len(bad)} such rows{others}); leave them out with skip_bad_rows = true"
        )


def open_table(
    path: Path, separator: str | None = None, encoding: str | None = None, names: Sequence[str] = ()
) -> Table:
    """Return the dialect of a delimited file, found out where not given; `names` if it has no header."""
    head = read_head(path)
    encoding = encoding or ("utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    if encoding != "utf-16" and b"\0" in head:
        raise TraceError(f"{path}: not text, a NUL byte at offset {head.index(0)}; a hole after a power loss?")
    try:
        line = next(iter(io.TextIOWrapper(io.BytesIO(head[: len(head) // 2 * 2]), encoding, newline="")))
    except UnicodeDecodeError as error:
        raise _undecodable(path, encoding) from error
    except LookupError as error:
        raise TraceError(f'{path}: encoding = "{encoding}" is unknown; expected e.g. "utf-8" or "latin-1"') from error
    if not line.strip():
        raise TraceError(
            f"{path}:1: the first line is blank, expected the names of the columns (SUMO: write the file "
            "with --output.column-header tag)"
        )
    separator = separator or max(",;\t|", key=line.count)
    header = names or next(csv.reader([line], delimiter=separator))
    return Table(path, separator, encoding, tuple(name.strip() for name in header), not names)


def is_missing(cell: str) -> bool:
    """Return whether a cell says that there is no number."""
    return cell.strip().lower() in _MISSING


def _undecodable(path: Path, encoding: str) -> TraceError:
    with open_content(path) as stream:
        for number, line in enumerate(stream, 1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError as error:
                return TraceError(
                    f"{path}:{number}: byte {error.start + 1} (0x{line[error.start]:02x}) is not "
                    f'{error.encoding}; save the file as UTF-8 or set e.g. encoding = "latin-1"'
                )
    return TraceError(f"{path}: the text is not {encoding}; save the file as UTF-8 or set encoding")
