"""On which line of a TOML text each key stands: tomllib does not tell.

The text has been read by tomllib before, so the scanner may take its grammar for granted.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field

KeyPath = tuple[str | int, ...]
Token = tuple[str, str, int]  # kind, text, line

_TOKEN = re.compile(
    r"""
    (?P<skip> [ \t\r]+ | \#[^\n]* )
  | (?P<newline> \n )
  | (?P<text> \"{3} (?: [^\\] | \\. )*? \"{3} \"{0,2} | '{3} .*? '{3} '{0,2}
      | " (?: [^"\\\n] | \\. )* " | '[^'\n]*' )
  | (?P<mark> [\[\]{},=] )
  | (?P<bare> [^\s\[\]{},=\#"']+ )
    """,
    re.VERBOSE | re.DOTALL,
)

_DEEPEST = 10  # more than any scenario has; a key of 20,000 parts would otherwise take minutes


def lines_of(text: str) -> dict[KeyPath, int]:
    """Return the line, counted from 1, on which each table, key and array element begins."""
    scanner = _Scanner(list(_tokens(text)))
    while scanner.position < len(scanner.tokens):
        scanner.step()
    return scanner.lines


def line_of(path: KeyPath, lines: dict[KeyPath, int]) -> int | None:
    """Return the line of a key, or else of the innermost table around it that has one."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


def key_names(dotted: str) -> list[str]:
    """Return the names in a dotted TOML key, quotes removed; raises tomllib's error if it is not one key."""
    table = tomllib.loads(f"{dotted} = 0")
    names = []
    while isinstance(table, dict):
        [(name, table)] = table.items()
        names.append(name)
    return names


def _tokens(text: str) -> Iterator[Token]:
    line = 1
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "skip":
            yield str(match.lastgroup), match[0], line
        line += match[0].count("\n")


@dataclass(slots=True)
class _Container:
    """The table, inline table or array that the scanner is in; `index` counts an array's elements."""

    path: KeyPath
    index: int | None = None


@dataclass(slots=True)
class _Scanner:
    """A position in the tokens and the containers around it; a stack, since values may be nested deeply."""

    tokens: list[Token]
    position: int = 0
    lines: dict[KeyPath, int] = field(default_factory=dict)
    stack: list[_Container] = field(default_factory=lambda: [_Container(())])
    tables: dict[KeyPath, int] = field(default_factory=dict)  # last index in each array of tables

    def step(self) -> None:
        """Consume a separator, a closing mark, a header, or a key with the start of its value."""
        kind, text, line = self.tokens[self.position]
        container = self.stack[-1]
        if kind == "newline" or text == ",":
            self.position += 1
            if text == "," and container.index is not None:
                container.index += 1
        elif text in ("]", "}"):
            self.position += 1
            self.stack.pop()
        elif text == "[" and len(self.stack) == 1:
            self._header(line)
        elif container.index is not None:
            self._value((*container.path, container.index), line)
        else:
            names = self._key()
            self.position += 1  # the equals sign
            for end in range(1, min(len(names), _DEEPEST)):
                self.lines.setdefault((*container.path, *names[:end]), line)
            self._value((*container.path, *names), line)

    def _header(self, line: int) -> None:
        brackets = 2 if self.tokens[self.position + 1][1] == "[" else 1
        self.position += brackets
        path: KeyPath = ()
        for name in self._key():
            path = (*self._inside(path), name)
        self.position += brackets
        self.lines.setdefault(path, line)
        if brackets == 2:
            self.tables[path] = self.tables.get(path, -1) + 1
            path = self._inside(path)
            self.lines[path] = line
        self.stack = [_Container(path)]

    def _inside(self, path: KeyPath) -> KeyPath:
        """Return where keys below `path` go: into the last table, if it is an array of tables."""
        return (*path, self.tables[path]) if path in self.tables else path

    def _key(self) -> list[str]:
        return key_names("".join(self._words()))

    def _value(self, path: KeyPath, line: int) -> None:
        self.lines.setdefault(path, line)
        text = self.tokens[self.position][1]
        if text in ("[", "{"):
            self.position += 1
            self.stack.append(_Container(path, 0 if text == "[" else None))
        else:
            list(self._words())

    def _words(self) -> Iterator[str]:
        # More than one word: dotted keys with quotes or blanks in them, dates with a blank before the time.
        while self.position < len(self.tokens) and self.tokens[self.position][0] in ("bare", "text"):
            self.position += 1
            yield self.tokens[self.position - 1][1]
