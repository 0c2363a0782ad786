"""Writing that lasts: all bytes, in new files only, and one line when the disk refuses."""

import errno
import os

import pytest

from simmig.errors import StorageError
from simmig.run.disk import make_folder, sync, sync_folder, write_file, writing
from simmig.run.folder import RunFolder


def refusing(code):
    def call(*_, **__):
        raise OSError(code, os.strerror(code))

    return call


def test_all_is_written_even_if_the_system_takes_little_at_a_time(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    write_file(tmp_path / "a", b"0123456789")
    monkeypatch.undo()
    assert (tmp_path / "a").read_bytes() == b"0123456789"


def test_what_is_there_is_not_written_over(tmp_path):
    write_file(tmp_path / "a", b"old")
    with pytest.raises(FileExistsError):
        write_file(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"


def test_every_file_and_the_folder_itself_are_synced(tmp_path, monkeypatch):
    for number in range(40):
        write_file(tmp_path / str(number), b"")
    seen = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: seen.append(os.fstat(descriptor).st_ino))
    sync_folder(tmp_path)
    assert sorted(seen) == sorted(os.stat(place).st_ino for place in (tmp_path, *tmp_path.iterdir()))


def test_a_new_folder_is_synced_in_the_one_above_and_an_old_one_is_left_alone(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: seen.append(os.fstat(descriptor).st_ino))
    make_folder(tmp_path / "a")
    make_folder(tmp_path / "a")
    assert (tmp_path / "a").is_dir()
    assert seen == [tmp_path.stat().st_ino]


def test_a_file_system_that_knows_no_fsync_of_folders_will_do_and_a_broken_one_will_not(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", refusing(errno.EINVAL))
    sync(tmp_path)
    monkeypatch.setattr(os, "fsync", refusing(errno.EIO))
    write_file(tmp_path / "a", b"")
    told = r"runs: cannot be written \(Input/output error\); expected a disk"
    with pytest.raises(StorageError, match=told), writing(tmp_path / "runs"):
        sync_folder(tmp_path)


@pytest.mark.parametrize("name", ["fsync", "rename"])
def test_a_run_that_cannot_be_published_is_one_line_and_leaves_nothing(tmp_path, monkeypatch, name):
    def publish():
        with RunFolder(tmp_path / "run") as files:
            files.write_text("report.html", "x")
            monkeypatch.setattr(os, name, refusing(errno.ENOSPC))
            files.publish()

    with pytest.raises(StorageError, match=r"run: cannot be written \(No space left on device\); expected a disk"):
        publish()
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_a_run_that_cannot_be_written_is_one_line(tmp_path):
    with RunFolder(tmp_path / "run") as files, pytest.raises(StorageError, match=r"run: cannot be written \(Is a dir"):
        files.write_text("..", "x")
