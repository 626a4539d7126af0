"""What mypy --strict says of an integrator's code: nothing of what is right, and each mistake in its line."""

import re
from pathlib import Path

import pytest
from mypy import api

HERE = Path(__file__).parent
RIGHT, WRONG = HERE / "typing" / "right.py", HERE / "typing" / "wrong.py"
FAULT = re.compile(r"(?P<file>.+):(?P<line>\d+): error: (?P<text>.*)")


def test_mypy_finds_each_mistake_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """One run, with the settings that mypy has by itself."""
    monkeypatch.setenv("MYPYPATH", str(HERE.parent / "src"))
    monkeypatch.setenv("MYPY_CACHE_DIR", str(HERE.parents[1] / ".mypy_cache" / "integrators"))
    report, crash, _ = api.run(["--strict", "--config-file=", "--no-error-summary", str(RIGHT), str(WRONG)])
    assert crash == ""
    found: dict[int, list[str]] = {}
    for line in report.splitlines():
        if (fault := FAULT.fullmatch(line)) is not None:
            assert fault["file"].endswith("wrong.py"), line
            found.setdefault(int(fault["line"]), []).append(fault["text"])
    lines = enumerate(WRONG.read_text().splitlines(), start=1)
    expected = {number: line.rpartition("  # ")[2] for number, line in lines if "  # " in line}
    assert found.keys() == expected.keys(), report
    assert [number for number, text in expected.items() if not any(text in one for one in found[number])] == [], report
