"""`GET /api/admin/alarms` on the probes' listener: for the operator's monitoring, and nobody else."""

import hashlib

import httpx
import pytest

from hashrail.processes import probes
from hashrail.processes.alarm_page import AlarmPage
from hashrail.processes.onlooker import Onlooker
from hashrail.settings import Settings
from tests.support import patience
from tests.support.programs import free_port

HERE, PATH = "127.0.0.1", "/api/admin/alarms"
DIGEST = hashlib.sha256(b"a-token-that-nobody-guesses").hexdigest()
HEADERS = {"Authorization": "Bearer a-token-that-nobody-guesses"}


def answer(dsn: str, headers: dict[str, str], sha256: str | None = DIGEST, path: str = PATH) -> httpx.Response:
    """What is answered to these headers."""
    port = free_port()
    page = probes.ForMonitoring(AlarmPage(Onlooker(Settings(mode="sandbox"), dsn)).page, sha256)
    with probes.answering(HERE, port, 1, {PATH: page}):
        return httpx.get(f"http://{HERE}:{port}{path}", headers=headers, trust_env=False, timeout=patience.SECONDS)


def test_it_is_answered_to_who_has_the_token(dsn: str) -> None:
    """What rings is read at that moment: here nobody works."""
    found = answer(dsn, HEADERS)
    assert found.status_code == 200
    (alarm,) = found.json()["alarms"]
    assert (alarm["code"], alarm["severity"], alarm["toldAt"]) == ("WORKER_SILENT", "critical", None)
    assert alarm["page"].startswith("docs/runbook.md")
    assert answer(dsn, {"authorization": "bearer   a-token-that-nobody-guesses"}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "sha256", "code"),
    [
        ({}, DIGEST, "ADMIN_TOKEN_WRONG"),
        ({"Authorization": "Bearer other"}, DIGEST, "ADMIN_TOKEN_WRONG"),
        ({"Authorization": f"Bearer {DIGEST}"}, DIGEST, "ADMIN_TOKEN_WRONG"),
        ({"Authorization": "Basic a-token-that-nobody-guesses"}, DIGEST, "ADMIN_TOKEN_WRONG"),
        ({"X-Authorization": HEADERS["Authorization"]}, DIGEST, "ADMIN_TOKEN_WRONG"),
        ({"Authorization": "Bearer"}, DIGEST, "ADMIN_TOKEN_WRONG"),
        (HEADERS, None, "ADMIN_TOKEN_NOT_SET"),
    ],
)
def test_nobody_else_is_told_anything(dsn: str, headers: dict[str, str], sha256: str | None, code: str) -> None:
    found = answer(dsn, headers, sha256)
    assert found.json() == {"statusCode": found.status_code, "error": code}
    assert found.status_code == (403 if sha256 is None else 401)


def test_a_token_in_the_path_is_none(dsn: str) -> None:
    """It would stand in every log."""
    assert answer(dsn, {}, path=f"{PATH}?token=a-token-that-nobody-guesses").status_code == 401


def test_a_database_that_is_away_is_told() -> None:
    """By its code: whoever monitors sees that as well."""
    found = answer(f"postgresql://nobody@{HERE}:{free_port()}/nothing", HEADERS)
    assert (found.status_code, found.json()["error"]) == (503, "DATABASE_DOWN")
