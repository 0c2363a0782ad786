"""The bytes of a trace file, decompressed if they are gzip (by content, whatever the file is called)."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path

from simmig.errors import TraceError

HEAD_BYTES = 65_536
GZIP_MAGIC = b"\x1f\x8b"
MAX_RATIO = 200  # SUMO's FCD shrinks to 1/8 .. 1/13; blanks, as in a bomb, to 1/1000
MAX_INFLATED_BYTES = 20_000_000_000
_SLACK_BYTES = 1 << 20  # a small honest file may shrink more


def read_head(path: Path) -> bytes:
    """Return the first bytes of the content; raises TraceError if there is no such file or it is empty."""
    if not path.is_file():
        raise TraceError(f"{path}: no such file")
    with open_content(path) as stream:
        head = stream.read(HEAD_BYTES)
    if not head:
        raise TraceError(f"{path}: the file is empty")
    return head


def open_content(path: Path, *, allow_truncated: bool = False) -> io.BufferedReader:
    """Return the content as a stream; reading raises TraceError for broken gzip data or a gzip bomb.

    With `allow_truncated` the content of a gzip file that was cut ends where the data end.
    """
    stream = path.open("rb")
    if stream.read(2) != GZIP_MAGIC:
        stream.seek(0)
        return stream
    stream.close()
    return io.BufferedReader(_Inflated(path, allow_truncated), HEAD_BYTES)


class _Inflated(io.RawIOBase):
    """The inflated bytes of a gzip file, refused as soon as there are too many of them."""

    def __init__(self, path: Path, allow_truncated: bool) -> None:
        self._path = path
        self._file = gzip.GzipFile(path, "rb")
        self._allow_truncated = allow_truncated
        self._limit = min(MAX_RATIO * path.stat().st_size + _SLACK_BYTES, MAX_INFLATED_BYTES)
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._file.read1(len(buffer))
        except EOFError as error:
            if self._allow_truncated:
                return 0
            raise TraceError(f"{self._path}: the gzip data end too early, the file was cut") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise TraceError(f"{self._path}: broken gzip data ({error})") from error
        self._count += len(data)
        if self._count > self._limit:
            raise TraceError(
                f"{self._path}: expands to more than {MAX_RATIO} times its size (or 20 GB), which no trace "
                "does; unpack it yourself with gunzip if you trust it"
            )
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()
