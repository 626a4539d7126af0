"""Files that only their owner reads: whole, or as they were."""

import os
import stat
from pathlib import Path

import pytest

from hashrail import private_files
from hashrail.private_files import Drafts, FileNotWrittenError


def test_a_file_is_its_owner_s(tmp_path: Path) -> None:
    """Whatever the mask, and whatever it was before."""
    path = tmp_path / "a.json"
    path.write_text("before")
    path.chmod(0o644)
    mask = os.umask(0)
    try:
        private_files.write(path, "z\u0142oty\n")
    finally:
        os.umask(mask)
    assert path.read_bytes() == "z\u0142oty\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_draft_is_on_the_disk_before_it_has_its_name(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    with Drafts() as drafts:
        drafts.write(first, "1")
        drafts.write(second, "2")
        assert sorted(each.read_text() for each in tmp_path.iterdir()) == ["1", "2"]
        assert not first.exists()
        assert {stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()} == {0o600}
        assert drafts.keep() == [first, second]
    assert (first.read_text(), second.read_text()) == ("1", "2")


def test_what_is_not_kept_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("before")
    with Drafts() as drafts:
        drafts.write(path, "after")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    """In a folder that is none, and over a folder."""
    with pytest.raises(FileNotWrittenError, match="No such file"):
        private_files.write(tmp_path / "nowhere" / "a", "x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileNotWrittenError, match="folder"):
        private_files.write(tmp_path / "folder", "x")
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]


def test_a_draft_of_a_process_that_died_is_nobody_s(tmp_path: Path) -> None:
    path = tmp_path / "a"
    (tmp_path / f".a.{os.getpid()}").write_text("left")
    private_files.write(path, "x")
    assert path.read_text() == "x"
    assert list(tmp_path.iterdir()) == [path]
