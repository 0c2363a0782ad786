"""Writing that lasts: every byte on the disk before a name says that it is there, and one line if the disk refuses."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from simmig.errors import StorageError

_MOST_THREADS = 16


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Turn what the operating system refuses while `place` is written into a StorageError that names it."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{place}: cannot be written ({error.strerror or error}); expected a disk that can be written and has room"
        ) from error


def write_file(path: Path, data: bytes) -> None:
    """Write a new file, which is on the disk once it is synced. Raises OSError; the name must be free."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left) :]
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Wait until a folder's names and the content of its files are on the disk. Raises OSError.

    All at once, which a file system commits together: on ext4 4 ms for eight files where one by one takes 39.
    """
    places = [path, *path.iterdir()]
    with ThreadPoolExecutor(min(len(places), _MOST_THREADS)) as threads:
        for _ in threads.map(sync, places):
            pass


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system whose folders need no fsync and know none
            raise
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> None:
    """Make a folder in an existing one unless it is there, and wait until its name is on the disk. Raises OSError."""
    try:
        os.mkdir(path)
    except FileExistsError:
        return
    sync(path.parent)
