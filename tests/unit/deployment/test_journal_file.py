"""The journal's file: appended to by many, whole after every kill, put aside when it is full."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hashrail.deployment import journal_file
from hashrail.deployment.journal_file import JournalNotWriteableError, JournalUnreadableError, Line


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "beside" / "journal.jsonl"


def line(number: int) -> Line:
    time, name = f"2026-11-29T12:00:{number:06.3f}Z", f"{number:032x}"
    return Line(time, "e", "user blocked", {"user": f"user-{number}"}, name)


def test_lines_are_json_that_only_the_owner_reads(path: Path) -> None:
    journal_file.append(path, [line(1), line(2)])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [json.loads(each) for each in path.read_text().splitlines()] == [
        {
            "time": f"2026-11-29T12:00:0{number}.000Z",
            "epoch": "e",
            "kind": "user blocked",
            "what": {"user": f"user-{number}"},
            "name": f"{number:032x}",
        }
        for number in (1, 2)
    ]
    assert journal_file.tail(path) == journal_file.read([path]) == [line(1), line(2)]


def test_a_file_that_is_not_there_tells_nothing(path: Path) -> None:
    assert journal_file.tail(path) == []
    with pytest.raises(JournalUnreadableError):
        journal_file.read([path])


def test_an_entry_stands_there_once(path: Path) -> None:
    journal_file.append(path, [line(1)])
    journal_file.append(path, [line(1), line(2)])
    assert path.read_text().count("\n") == 2


def test_half_a_line_of_somebody_who_was_killed_harms_no_other(path: Path) -> None:
    journal_file.append(path, [line(1)])
    whole = path.read_bytes()
    for length in range(1, len(whole)):
        path.write_bytes(whole + whole[:length].replace(b"\n", b""))
        journal_file.append(path, [line(2)])
        assert journal_file.read([path]) == [line(1), line(2)], length


def test_a_full_file_is_put_aside_and_some_are_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_file, "MAX_BYTES", 100)
    for number in range(1, 15):
        journal_file.append(path, [line(number)])
    assert sorted(each.name for each in path.parent.iterdir()) == [f"journal.jsonl.{n}" for n in range(1, 10)]
    kept = [line(number) for number in range(6, 15)]
    assert journal_file.read([journal_file.aside(path, 1)])[-1] == kept[-1]
    journal_file.append(path, [line(20)])
    assert journal_file.tail(path)[-1] == line(20)
    journal_file.append(path, [line(14), line(21)])
    assert [each.name for each in journal_file.tail(path)].count(line(14).name) == 1


def test_files_of_several_machines_are_one_story(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    journal_file.append(path, [line(1), line(4)])
    journal_file.append(other, [line(2), line(4), line(3)])
    assert journal_file.read([path, other]) == [line(1), line(2), line(3), line(4)]


def test_many_processes_write_at_once(path: Path) -> None:
    program = """if True:
        import sys
        from pathlib import Path
        from hashrail.deployment import journal_file
        for number in range(40):
            name = f"{sys.argv[2]}-{number}"
            journal_file.append(Path(sys.argv[1]), [journal_file.Line(name, "e", "k", {}, name)])
    """
    running = [subprocess.Popen([sys.executable, "-c", program, str(path), str(each)]) for each in range(3)]
    assert [each.wait(60) for each in running] == [0, 0, 0]
    assert len(journal_file.read([path])) == 120


def test_the_highest_number_of_the_same_epochs_counts() -> None:
    lines = [
        Line(str(number), epoch, journal_file.HEIGHTS, {"a": height})
        for number, (epoch, height) in enumerate([("e", 5), ("f", 9), ("e", 4)])
    ]
    assert journal_file.newest_heights(lines, {"e"}) == {"a": 5}
    assert journal_file.newest_heights(lines, {"e", "f"}) == {"a": 9}


def test_where_it_cannot_be_written_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "journal.jsonl", tmp_path):
        with pytest.raises(JournalNotWriteableError, match=str(path)):
            journal_file.check(path)
        with pytest.raises(JournalNotWriteableError):
            journal_file.append(path, [line(1)])


def test_a_check_makes_the_file(path: Path) -> None:
    journal_file.check(path)
    assert path.read_bytes() == b""
    assert os.access(path, os.W_OK)
