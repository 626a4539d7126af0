"""The program itself: it migrates, audits, and ends as scripts expect."""

from pathlib import Path

from tests.support import citus
from tests.support.programs import hashrail
from tests.support.shell import Shell


@citus.only_without("tables are dropped with their schema, and Citus still knows them")
def test_the_program_migrates_audits_and_ends_as_it_should(dsn: str, tmp_path: Path) -> None:
    """An empty database is refused, migrated, audited; again there is nothing to apply; damage ends with 1."""
    shell = Shell(dsn, tmp_path)
    for statement in ("DROP SCHEMA public CASCADE", "CREATE SCHEMA public"):
        shell.rows(statement)
    refused = hashrail("audit", **shell.environment)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("SCHEMA_OUT_OF_DATE: the schema lacks 0001_types_and_parties")
    assert refused.stderr.endswith("Run: hashrail migrate\n")
    first = hashrail("migrate", **shell.environment)
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines()[0] == "applied 0001_types_and_parties"
    said = "The schema is up to date.\nThe deployment is a production one, on the network bitcoin, without a node.\n"
    assert first.stdout.endswith(f"\n{said}")
    assert shell.ok("migrate") == said
    assert shell.json("partner", "create", "--name", "Wallet Ltd")["id"] == 1
    assert shell.json("audit")["ok"] is True
    shell.rows("UPDATE partner_capacity SET committed_th = 1")
    broken = hashrail("audit", **shell.environment)
    assert broken.returncode == 1
    assert "capacity-is-counted is broken" in broken.stderr
    written = [each.name for each in tmp_path.iterdir()]
    assert written == ["journal.jsonl"], "keys come from the environment, so that nothing else is written"


def test_without_a_command_it_shows_what_there_is() -> None:
    """And nothing is opened."""
    made = hashrail()
    assert "Begin with: hashrail demo" in made.stdout + made.stderr
