"""A sandbox as one program: it runs all that a deployment needs, tells what to try, and ends without a trace."""

import datetime as dt
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import psycopg

from hashrail import clock
from hashrail_client import SignatureAuth
from tests.support.deployments import become
from tests.support.programs import SECONDS, Running, clean_environment, free_port, hashrail, processes_naming


def test_one_command_runs_it_all(folder: Path) -> None:
    """Summary, the printed call, a moved clock, an audit beside it, an end without a trace, and a second start.

    What is printed can be copied.
    """
    data = folder / "data with a blank"
    running = Running(data, free_port(), folder / "first.log")
    try:
        said = running.summary()
        facts = json.loads((data / "demo.json").read_text())
        assert f"A sandbox is running at http://127.0.0.1:{running.port}" in said
        assert facts["partnerId"] in said
        assert "the rates of its days are generated, not recorded" in said
        assert f"--data '{data}'" in said
        answer = run_snippet(said)
        assert [(miner["power"], miner["energyEfficiency"]) for miner in answer["data"]["array"]] == [(1, 20), (4, 15)]
        run_the_rest(said)
        assert move_clock(facts, 2) == 2
        audit = hashrail("audit", "--data", str(data), "--json")
        assert (audit.returncode, json.loads(audit.stdout)["ok"]) == (0, True), audit.stderr
        day = said.split("explain income --miner 1001 --day ")[1].split()[0]
        explained = hashrail("explain", "income", "--miner", "1001", "--day", day, "--data", str(data), "--json")
        assert json.loads(explained.stdout)["partnerUserId"] == "alice", explained.stderr
        assert len(processes_naming(data)) >= 4
        use_the_terminal(data, folder)
        said = running.stop(signal.SIGINT)
    finally:
        running.process.kill()
        running.process.wait()
    assert "Stopped. The sandbox continues when it is started again on the same data." in said
    assert "Traceback" not in said
    assert processes_naming(data) == []
    assert hashrail("audit", "--data", str(data)).returncode == 0
    continue_it(data, facts, folder / "second.log")


def use_the_terminal(data: Path, folder: Path) -> None:
    """An integrator logs in, calls, listens while an event is told, and asks whether all is well; Ctrl-C ends it."""
    profiles = {"XDG_CONFIG_HOME": str(folder / "config")}

    def run(*words: str) -> str:
        made = hashrail(*words, **profiles)
        assert made.returncode == 0, made.stderr
        return made.stdout

    assert "Logged in as default" in run("login", "--from", str(data / "demo.json"))
    program = [sys.executable, "-m", "hashrail.cli", "events", "listen", "--types", "withdrawal.final"]
    with subprocess.Popen(
        program, env=clean_environment(**profiles), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as listening:
        assert listening.stdout is not None
        assert listening.stderr is not None
        assert "Listening at" in listening.stderr.readline()
        run("events", "trigger", "withdrawal.final", "--object", "77")
        assert "withdrawal.final              withdrawal 77 " in listening.stdout.readline()
        listening.send_signal(signal.SIGINT)
        _, ended = listening.communicate(timeout=SECONDS)
    assert (listening.returncode, "Go on with: hashrail events listen --after" in ended) == (0, True), ended
    checks = {each["name"]: each["state"] for each in json.loads(run("doctor", "--json"))}
    assert checks.keys() >= {"profile", "server", "clock", "signature", "key", "webhooks"}
    assert {*checks.values()} == {"ok"}


def continue_it(data: Path, facts: dict[str, Any], log: Path) -> None:
    """Started again: the same key and clock, and SIGTERM ends it as well."""
    running = Running(data, free_port(), log)
    try:
        said = running.summary()
        again = json.loads((data / "demo.json").read_text())
        same = ("partnerId", "apiKey", "apiSecret", "users", "dataDir")
        assert {name: again[name] for name in same} == {name: facts[name] for name in same}
        assert again["baseUrl"] == f"http://127.0.0.1:{running.port}"
        moved = clock.parse_iso(again["clock"], "clock") - clock.parse_iso(facts["clock"], "clock")
        assert dt.timedelta(days=2) < moved < dt.timedelta(days=2, minutes=10)
        assert len(run_snippet(said)["data"]["array"]) == 2
        running.stop(signal.SIGTERM)
    finally:
        running.process.kill()
        running.process.wait()
    assert processes_naming(data) == []


def run_snippet(said: str) -> dict[str, Any]:
    """Copy and paste what the summary prints into a shell; its answer."""
    start, end = said.index("KEY="), said.index("Then")
    made = subprocess.run(["bash", "-euc", said[start:end]], capture_output=True, timeout=SECONDS, check=True)
    answer: dict[str, Any] = json.loads(made.stdout)
    return answer


def run_the_rest(said: str, **settings: str) -> None:
    """Run what the summary prints to try next, each as it is printed; all end well."""
    commands = [line.strip() for line in said.partition("Then, ")[2].splitlines() if line.startswith("  ")]
    for command in commands:
        made = subprocess.run(
            ["bash", "-euc", command],
            env=clean_environment(**settings),
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
        assert made.returncode == 0, (command, made.stderr)
    assert sum(" payouts status" in command for command in commands) == 1


def move_clock(facts: dict[str, Any], days: int) -> int:
    """Advance the business clock; how many days were closed."""
    auth = SignatureAuth(facts["apiKey"], facts["apiSecret"])
    with httpx.Client(base_url=facts["baseUrl"], auth=auth, timeout=SECONDS) as client:
        response = client.post("/api/sandbox/advance", json={"days": days})
    assert response.status_code == 200, response.text
    closed: int = response.json()["data"]["daysClosed"]
    return closed


def test_a_port_in_use_is_said(dsn: str, folder: Path) -> None:
    """It ends with 1 before anything is made, and says what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        words = ("demo", "--port", str(port), "--days", "1")
        made = hashrail(*words, DATABASE_URL=dsn, HASHRAIL_DATA=str(folder / "data"))
    assert (made.returncode, made.stdout) == (1, "")
    said, advice = made.stderr.splitlines()
    assert said == f"PORT_UNAVAILABLE: cannot listen on 127.0.0.1, port {port}: Address already in use"
    assert advice.startswith("Name another one: --port N, or make run PORT=N.")
    assert not (folder / "data").exists()


def test_while_it_seeds_only_the_progress_is_shown(dsn: str, folder: Path) -> None:
    """Withdrawals are paid in these days, which a worker would log. Commands beside a DATABASE_URL name no folder."""
    become(dsn, mode="sandbox")
    data = folder / "data with a blank"
    running = Running(data, free_port(), folder / "log", days=45, DATABASE_URL=dsn)
    try:
        said = running.summary()
        with psycopg.connect(dsn, autocommit=True) as connection:
            assert connection.execute("SELECT count(*) > 0 FROM payout_batch").fetchall() == [(True,)]
        assert said.lstrip().startswith(f"A sandbox is running at http://127.0.0.1:{running.port}\n")
        run_the_rest(said, DATABASE_URL=dsn, HASHRAIL_DATA=str(data))
        running.stop(signal.SIGTERM)
    finally:
        running.process.kill()
        running.process.wait()
    assert "--data" not in said
