"""Run folders: whole or absent, never overwritten, checked before the work begins."""

import pytest

from simmig.errors import InputError
from simmig.run.folder import RunFolder, choose_folder, read_json, read_tables


def test_a_folder_appears_only_when_published(tmp_path):
    with RunFolder(tmp_path / "run") as files:
        files.write_json("run.json", {"a": 1})
        assert not (tmp_path / "run").exists()
        assert files.publish() == tmp_path / "run"
    assert read_json(tmp_path / "run", "run.json") == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_an_error_leaves_nothing_behind(tmp_path):
    def fail_while_writing():
        with RunFolder(tmp_path / "run") as files:
            files.write_text("report.html", "x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_while_writing()
    assert list(tmp_path.iterdir()) == []


def test_a_name_taken_meanwhile_is_not_overwritten(tmp_path):
    with RunFolder(tmp_path / "run") as files:
        files.write_text("report.html", "mine")
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "report.html").write_text("theirs")
        assert files.publish() == tmp_path / "run-2"
    assert (tmp_path / "run" / "report.html").read_text() == "theirs"
    assert (tmp_path / "run-2" / "report.html").read_text() == "mine"


def test_an_existing_folder_is_refused_and_a_default_name_is_free(tmp_path, monkeypatch):
    monkeypatch.setenv("SIMMIG_RUNS", str(tmp_path))
    with pytest.raises(InputError, match="exists already"):
        choose_folder(tmp_path, "x", 1)
    assert choose_folder(None, "a/../b c", 1) == tmp_path / "a_.._b_c-seed1"
    (tmp_path / "x-seed1").mkdir()
    assert choose_folder(None, "x", 1) == tmp_path / "x-seed1-2"


def test_a_place_that_cannot_be_written_is_refused_before_the_run(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file.*cannot be created"), RunFolder(tmp_path / "file" / "run"):
        pytest.fail("the folder was opened")


def test_what_is_no_run_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"has no migrations\.parquet; expected a folder written by `simmig run`"):
        read_tables(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(InputError, match="not JSON"):
        read_json(tmp_path, "run.json")
