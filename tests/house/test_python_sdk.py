"""The generated half of the Python SDK is what its tables and the OpenAPI document make of it."""

from pathlib import Path

from tools.python_sdk.written import HERE, MADE, write


def generated(folder: Path) -> dict[str, str]:
    """The modules that say that a tool wrote them, by their path."""
    texts = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.py")}
    return {name: text for name, text in texts.items() if text.startswith(MADE)}


def test_what_is_checked_in_is_current(tmp_path: Path) -> None:
    """If not: python -m tools.python_sdk."""
    write(tmp_path)
    assert generated(HERE) == generated(tmp_path)
