"""A terminal of an operator, in this process."""

import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from typer.testing import CliRunner, Result

from hashrail.cli import main
from tests.support import keys

MASTER_KEY = keys.MASTER_KEY


@dataclass
class Shell:
    """A terminal of an operator: the deployment stands in its environment."""

    dsn: str
    data: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"DATABASE_URL": self.dsn, "HASHRAIL_DATA": str(self.data), "HASHRAIL_MASTER_KEYS": MASTER_KEY}

    def run(self, *words: object, **environment: str) -> Result:
        """Run a command; whatever it raises must have been turned into an exit."""
        made = CliRunner().invoke(main.app, [str(word) for word in words], env=self.environment | environment)
        assert made.exception is None or isinstance(made.exception, SystemExit), made.exc_info
        return made

    def ok(self, *words: object) -> str:
        """What a command prints that ends well."""
        made = self.run(*words)
        assert made.exit_code == 0, made.output
        return made.stdout

    def json(self, *words: object) -> Any:
        """What a command prints for scripts."""
        return json.loads(self.ok(*words, "--json"))

    def refused(self, code: str, *words: object, **environment: str) -> str:
        """What is said by a command that is refused with a code: the code, why, and what to do next."""
        made = self.run(*words, **environment)
        assert made.exit_code == 1, made.output
        # An operator's act is logged beside, as a line of JSON.
        said = [line for line in made.stderr.splitlines() if line.strip() and not line.startswith("{")]
        assert said[0].startswith(f"{code}: "), made.stderr
        assert len(said) >= 2, "advice is missing"
        assert "Traceback" not in made.output
        return made.stderr

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What stands in the database."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def partner(self, limit: str = "1000") -> str:
        """A new partner's number."""
        made = self.json("partner", "create", "--name", uuid.uuid4().hex, "--credit-limit", limit)
        return str(made["id"])
