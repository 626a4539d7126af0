"""`hashrail init` and `hashrail deployment`: what a deployment is becomes a fact, is shown, and changed by an admin."""

from pathlib import Path

import pytest

from tests.support import databases
from tests.support.deployments import become
from tests.support.shell import Shell

NODE = {"HASHRAIL_BITCOIN_RPC_URL": "http://127.0.0.1:1", "HASHRAIL_BITCOIN_RPC_COOKIE": "/nowhere"}
CHANGE = ("deployment", "change", "--reason", "a test")


@pytest.fixture
def shell(dsn: str, tmp_path: Path) -> Shell:
    become(dsn, mode="production")
    return Shell(dsn, tmp_path)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "a production one, on the network bitcoin, without a node"),
        (("--mode", "sandbox"), "a sandbox one, on the network regtest, on a simulated chain"),
        (("--network", "signet"), "a production one, on the network signet, without a node"),
    ],
)
def test_a_new_deployment(server: str, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    """Schema and facts, and what to do next; again is a no-op, and what differs is refused."""
    with databases.database(server, None) as dsn:
        shell = Shell(dsn, tmp_path)
        for _ in range(2):
            shown = shell.ok("init", *words)
            assert f"The deployment is {said}.\n" in shown
            assert "hashrail operator add" in shown
        shell.refused("DEPLOYMENT_DIFFERS", "init", "--network", "testnet4")
        shell.ok("partner", "create", "--name", "first")


def test_options_and_environment_say_the_same(server: str, tmp_path: Path) -> None:
    with databases.database(server, None) as dsn:
        shell = Shell(dsn, tmp_path)
        told = shell.refused("DEPLOYMENT_DIFFERS", "init", "--mode", "production", HASHRAIL_MODE="sandbox")
        assert "mode is production on the command line, and sandbox here (HASHRAIL_MODE)" in told
        shell.refused("NODE_NOT_NAMED", "init", "--node")
        shell.refused("DEPLOYMENT_DIFFERS", "init", "--no-node", **NODE)
        assert shell.rows("SELECT to_regclass('deployment')") == [(None,)]


def test_it_is_shown_with_what_this_environment_says_otherwise(shell: Shell) -> None:
    shown = shell.json("deployment", "show")
    assert (shown["mode"], shown["network"], shown["chain"], shown["differences"]) == (
        *("production", "bitcoin", "none"),
        [],
    )
    assert "production" in shell.ok("deployment", "show")
    made = shell.run("deployment", "show", HASHRAIL_MODE="sandbox", **NODE)
    assert made.exit_code == 1
    assert "HASHRAIL_MODE" in made.stdout
    assert "HASHRAIL_BITCOIN_RPC_URL" in made.stdout


def test_an_admin_changes_it_and_the_log_says_what_was_and_is(shell: Shell) -> None:
    """Without an admin whoever has the shell; a node that does not answer yet may be named."""
    shell.refused("NODE_NOT_NAMED", *CHANGE, "--chain", "node")
    made = shell.run(*CHANGE, "--chain", "node", "--wallet", "till", **NODE)
    assert "on a node with the wallet 'till'" in made.stdout, made.output
    assert shell.ok(*CHANGE, "--chain", "node") == "Nothing is changed.\n"
    ((action, reason, was, is_),) = shell.rows(
        "SELECT action, reason, values_before::jsonb, values_after::jsonb FROM operator_action"
    )
    assert (action, reason) == ("deployment change", "a test")
    assert (was["chain"], was["wallet"], is_["chain"], is_["wallet"]) == ("none", None, "node", "till")
    shell.refused("SIGNER_NOT_NAMED", *CHANGE, "--signer")
    shell.refused("DEPLOYMENT_FIXED", *CHANGE, "--chain", "none")
    shell.ok("payouts", "pause", "--reason", "a change")
    made = shell.run(
        *("operator", "add", "olga", "--role", "admin"), HASHRAIL_NEW_OPERATOR_PASSWORD="a long enough one"
    )
    assert made.exit_code == 0, made.output
    shell.refused("OPERATOR_NEEDED", *CHANGE, "--chain", "none")
    shell.refused("REASON_MISSING", *CHANGE[:3], "", "--chain", "none", "--as", "olga", **PASSWORD)
    made = shell.run(*CHANGE, "--chain", "none", "--as", "olga", "--json", **PASSWORD)
    assert '"chain": "none"' in made.stdout
    assert shell.json("operator", "log")[0]["operator"] == "olga"


PASSWORD = {"HASHRAIL_OPERATOR_PASSWORD": "a long enough one"}
