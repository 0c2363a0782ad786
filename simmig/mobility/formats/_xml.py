"""Streaming XML from an unknown hand: expat, no DOCTYPE, nothing deep, errors with their line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from xml.parsers import expat

from simmig.errors import TraceError
from simmig.mobility.formats._content import open_content

MAX_DEPTH = 16  # FCD has 3, GPX with extensions 8
_BLOCK = 1 << 20
_ENCODING = re.compile(rb"""(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*["']([\w.-]*)""", re.ASCII)
_ENCODINGS = (b"utf-8", b"utf-16", b"us-ascii", b"iso-8859-1", b"windows-1252")
_ROOT = re.compile(rb"<(?:[\w.-]+:)?([A-Za-z_][\w.-]*)")
_PROLOGUE = re.compile(rb"<!--.*?-->|<\?.*?\?>|<!DOCTYPE[^>\[]*(?:\[.*?\])?\s*>", re.DOTALL)


def root_of(head: bytes) -> str | None:
    """Return the name of the root element, without its prefix, or None if this is not XML."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text.startswith(b"<"):
        return None
    match = _ROOT.match(_PROLOGUE.sub(b"", text).lstrip())
    return match[1].decode() if match else None


class XmlReader:
    """One pass over a file: `start(name, attributes)` and the other handlers are expat's.

    `line` is that of the parser. A handler may raise TraceError through `refuse`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse_doctype

    @property
    def line(self) -> int:
        """The line in which the parser stands."""
        return self.parser.CurrentLineNumber

    def refuse(self, reason: str) -> TraceError:
        """Return an error about what is in this line."""
        return TraceError(f"{self.path}:{self.line}: {reason}")

    def number(self, attributes: dict[str, str], name: str, element: str) -> float:
        """Return an attribute as a number; raises TraceError if it is missing or is none."""
        try:
            return float(attributes[name])
        except KeyError:
            raise self.refuse(f"<{element}> has no {name}") from None
        except ValueError:
            raise self.refuse(f'{name}="{attributes[name][:40]}" of <{element}> is not a number') from None

    def parse(self, on_cut: Callable[[], TraceError | None] | None = None) -> None:
        """Run the handlers over the whole file.

        Raises TraceError if it is not well-formed. If the file ends too early `on_cut` is asked for a
        better error, or for None to accept what was read so far.
        """
        with open_content(self.path, allow_truncated=on_cut is not None) as stream:
            declared = _ENCODING.match(stream.peek(1024))
            if declared and declared[1].lower() not in _ENCODINGS:
                raise self.refuse(f"encoding {declared[1].decode()!r} is not read; save the file as UTF-8")
            try:
                while block := stream.read(_BLOCK):
                    self.parser.Parse(block, False)
                self.parser.Parse(b"", True)
            except expat.ExpatError as error:
                if on_cut is not None and error.code in _CUT_CODES:
                    better = on_cut()
                else:
                    better = self.refuse(f"not well-formed XML: {expat.ErrorString(error.code)}")
                if better is not None:
                    raise better from error

    def _refuse_doctype(self, *_: object) -> None:
        raise self.refuse("DOCTYPE and entity declarations are not allowed in a trace")


_CUT_CODES = tuple(
    expat.errors.codes[message]
    for message in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
)
