"""The data folder of a command: a typing error makes no new deployment."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from hashrail.cli import main


@pytest.fixture(autouse=True)
def _no_other_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)


@pytest.mark.parametrize("words", [["audit"], ["partner", "list"], ["day", "close"], ["rates", "list"]])
def test_a_folder_without_a_deployment_is_refused_and_stays_empty(tmp_path: Path, words: list[str]) -> None:
    wrong = tmp_path / "typo"
    made = CliRunner().invoke(main.app, [*words, "--data", str(wrong)])
    assert made.exit_code == 1
    assert "NO_DEPLOYMENT" in made.stderr
    assert "hashrail migrate --data" in made.stderr
    assert not wrong.exists()
