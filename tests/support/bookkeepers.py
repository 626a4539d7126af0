"""Programs of accountants, which read our journal with eyes of their own: hledger and beancount.

hledger comes from tools/get_hledger.sh, or from where HASHRAIL_TEST_HLEDGER says; beancount is a Python package.
"""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.folders import ROOT

HLEDGER = Path(os.environ.get("HASHRAIL_TEST_HLEDGER", ROOT / ".venv" / "hledger" / "bin" / "hledger"))
# In a process of its own: beancount adds up with Python's own decimals, not with ours.
BEANCOUNT = """
import json, sys
from beancount import loader
from beancount.core import realization
entries, errors, options = loader.load_file(sys.argv[1])
if errors:
    sys.exit("\\n".join(error.message for error in errors))
root = realization.realize(entries)
print(json.dumps([(each.account, position.units.currency, format(position.units.number, "f"))
                  for each in realization.iter_children(root) for position in each.balance]))
"""
# What accounts hold, debits less credits, by path and currency; nothing for what is 0.
Balances = dict[tuple[str, str], Decimal]


class JournalRefusedError(AssertionError):
    """The program does not accept the journal."""


def by_hledger(path: Path) -> Balances:
    """What hledger makes of a journal."""
    if not HLEDGER.exists():
        pytest.skip("no hledger: run tools/get_hledger.sh .venv/hledger")
    options = ("balance", "--flat", "--no-total", "--empty", "--layout=bare", "-O", "csv")
    rows = csv.DictReader(io.StringIO(_said([str(HLEDGER), "-f", str(path), *options])))
    return {
        (row["account"], row["commodity"]): amount
        for row in rows
        if (amount := Decimal(row["balance"].replace(",", ""))) != 0
    }


def by_beancount(path: Path) -> Balances:
    """What beancount makes of a journal."""
    rows = json.loads(_said([sys.executable, "-c", BEANCOUNT, str(path)]))
    return {(account, currency): Decimal(number) for account, currency, number in rows if Decimal(number) != 0}


READERS: dict[str, Callable[[Path], Balances]] = {"hledger": by_hledger, "beancount": by_beancount}


def _said(command: list[str]) -> str:
    # A locale of the machine is nobody's business, but texts are UTF-8.
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    made = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if made.returncode:
        raise JournalRefusedError(made.stderr)
    return made.stdout
