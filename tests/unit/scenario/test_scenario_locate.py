"""Lines of keys in TOML: known texts, and any text made from a random document."""

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.scenario.locate import key_names, line_of, lines_of

TEXT = '''\
# a comment with = and [brackets]
a = 1
"b c".d = "# no comment"   # dotted, quoted
e = [ 1,
  2, { f = 3 },
  [ 4 ] ]
g = """
h = "not a key"
"""
i = { j = 1, k = { l = "}" } }
m = 1979-05-27 07:32:00
[n.o]
p = \'\'\'
]]\'\'\'
[[q]]
r = 1
[[q]]
r = 2
[[q.s]]
t.u = 1
[q.v]
w = "x \\" = y"
'''


def test_lines_of_every_kind_of_key() -> None:
    assert lines_of(TEXT) == {
        ("a",): 2,
        ("b c",): 3,
        ("b c", "d"): 3,
        ("e",): 4,
        ("e", 0): 4,
        ("e", 1): 5,
        ("e", 2): 5,
        ("e", 2, "f"): 5,
        ("e", 3): 6,
        ("e", 3, 0): 6,
        ("g",): 7,
        ("i",): 10,
        ("i", "j"): 10,
        ("i", "k"): 10,
        ("i", "k", "l"): 10,
        ("m",): 11,
        ("n", "o"): 12,
        ("n", "o", "p"): 13,
        ("q",): 15,
        ("q", 0): 15,
        ("q", 0, "r"): 16,
        ("q", 1): 17,
        ("q", 1, "r"): 18,
        ("q", 1, "s"): 19,
        ("q", 1, "s", 0): 19,
        ("q", 1, "s", 0, "t"): 20,
        ("q", 1, "s", 0, "t", "u"): 20,
        ("q", 1, "v"): 21,
        ("q", 1, "v", "w"): 22,
    }


@pytest.mark.parametrize(
    ("path", "line"),
    [(("q", 1, "v", "w"), 22), (("q", 1, "new"), 17), (("n", "o", "x", "y"), 12), (("unknown",), None), ((), None)],
)
def test_a_missing_key_is_on_the_line_of_its_table(path: tuple[str | int, ...], line: int | None) -> None:
    assert line_of(path, lines_of(TEXT)) == line


def test_key_names() -> None:
    assert key_names('a . "b.c" .0') == ["a", "b.c", "0"]
    for text in ("a b", "", "a = 1\nb", "a.", "[x]"):
        with pytest.raises(ValueError):
            key_names(text)


KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\x7f", categories=["L", "N", "P", "Zs"]), max_size=6)
SCALARS = st.one_of(st.integers(-99, 99), st.booleans(), st.text("ab#=\"\\[]{},'", max_size=5).map(str))
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{quoted(key)} = {inline(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[ " + ", ".join(map(inline, value)) + " ]"
    return quoted(value) if isinstance(value, str) else str(value).lower()


def paths(value: Any, path: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
    inner: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [path, *(deep for key, below in inner for deep in paths(below, (*path, key)))]


@settings(deadline=None, max_examples=100, derandomize=True)
@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=4), max_size=4), st.integers(0, 2))
def test_property_every_key_of_a_written_document_is_found_on_its_line(
    tables: list[dict[str, Any]], blank: int
) -> None:
    lines: list[str] = []
    expected: dict[tuple[str | int, ...], int] = {}
    for index, table in enumerate(tables):
        lines += [""] * blank + ["[[t]] # = ["]
        expected |= {("t", index): len(lines)} | ({("t",): len(lines)} if index == 0 else {})
        for key, value in table.items():
            lines.append(f"{quoted(key)} = {inline(value)}")
            expected |= dict.fromkeys(paths(value, ("t", index, key)), len(lines))
    text = "\n".join(lines)
    tomllib.loads(text)
    assert lines_of(text) == expected


def test_deep_nesting_needs_no_deep_stack() -> None:
    depth = 3_000  # three times the limit of recursion
    assert lines_of("a = " + "[" * depth + "]" * depth)[("a",)] == 1
