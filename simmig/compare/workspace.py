"""Folders for work in progress, each with a lock that its process holds: what nobody holds was left by a dead one."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from simmig.run.disk import writing

_LOCK = ".lock"
# Some network file systems keep locks on one machine only: what another one left must be this old to count as left.
_FOREIGN_S = 86_400.0


@contextmanager
def workspace(place: Path) -> Iterator[Path]:
    """Make a new folder in `place`, which is made as well, and remove it at the end with all that is still in it.

    Its name means nothing. Raises StorageError if the disk refuses.
    """
    with writing(place):
        place.mkdir(exist_ok=True)
        folder, descriptor = _claimed(place)
    try:
        with writing(place):
            folder.mkdir()
        yield folder
    finally:
        # In this order, so that a folder without a lock is always one that was left behind.
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            os.unlink(_lock_of(folder))
        with suppress(OSError):
            os.close(descriptor)


def leftovers(place: Path) -> list[Path]:
    """Return the folders, and locks without one, that processes which ended have left in `place`."""
    found = []
    for folder in _names(place):
        with _held(folder) as is_free:
            if is_free:
                found.append(folder)
    return found


def remove_leftovers(place: Path) -> int:
    """Remove what processes which ended have left in `place`; return how many folders that were.

    Raises StorageError if the disk refuses. Work of living processes is left alone, on other machines too.
    """
    removed = 0
    for folder in _names(place):
        with _held(folder) as is_free, writing(folder):
            if is_free:
                if folder.exists():
                    shutil.rmtree(folder)
                _lock_of(folder).unlink(missing_ok=True)
                removed += 1
    return removed


def _claimed(place: Path) -> tuple[Path, int]:
    """Return a free name in `place` and the descriptor that holds its lock."""
    while True:
        folder = place / f"{_origin()}{os.getpid()}-{time.monotonic_ns()}"
        try:
            descriptor = os.open(_lock_of(folder), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            continue
        with suppress(OSError):  # a file system without locks: there nothing counts as left behind
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Between the two calls it may have been taken for a leftover, and removed.
        if _lock_of(folder).exists():
            return folder, descriptor
        os.close(descriptor)


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Hold a folder's lock; gives whether it was free, that is, whether its process has ended."""
    try:
        descriptor = os.open(_lock_of(folder), os.O_RDWR)
    except FileNotFoundError:
        yield folder.exists()
        return
    except OSError:  # a place that cannot be written
        yield False
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_free = folder.name.startswith(_origin()) or time.time() - os.fstat(descriptor).st_mtime > _FOREIGN_S
    except OSError:
        is_free = False
    try:
        yield is_free
    finally:
        os.close(descriptor)


def _origin() -> str:
    """Return what the names of this machine's folders begin with."""
    return f"{socket.gethostname()}-"


def _names(place: Path) -> list[Path]:
    if not place.is_dir():
        return []
    return sorted({place / name.removesuffix(_LOCK) for name in os.listdir(place)})


def _lock_of(folder: Path) -> Path:
    return folder.with_name(folder.name + _LOCK)
