"""`hashrail signature`: what it prints, and the exit status that scripts rely on."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hashrail import clock
from hashrail.cli.signature import app
from hashrail_client.causes import CAUSES
from hashrail_client.signing import FAULTS, hex_digest, sign_body, sign_query
from tests.support import folders
from tests.support.commands import read_strictly

VECTORS = json.loads(folders.SIGNING_VECTORS.read_text())
SECRET: str = VECTORS["secret"]
NOW: int = VECTORS["now"]


def run(*arguments: str, wire: bytes = b"", env: dict[str, str] | None = None) -> Any:
    return CliRunner().invoke(
        app, arguments, input=wire, env={"HASHRAIL_API_SECRET": SECRET, "COLUMNS": "200", **(env or {})}
    )


def verdict(method: str, wire: bytes, *arguments: str, now: int | None = NOW) -> dict[str, Any]:
    moment = () if now is None else ("--now", str(now))
    result = run("verify", "--method", method, "--wire", "-", *moment, *arguments, wire=wire)
    assert result.stdout.count("\n") == 1
    read_strictly(("signature", "verify"), result.stdout)
    answer: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == (0 if answer["verdict"] == "accept" else 1)
    assert list(answer) == ["verdict", "code", "message", "signedText", "cause", "explanation"]
    return answer


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_vector(case: dict[str, str]) -> None:
    answer = verdict(case["method"], case["wire"].encode())
    assert answer["verdict"] == case["expect"].removesuffix("-signature")


def test_an_accepted_request() -> None:
    raw = sign_query(SECRET, [("a", "é"), ("timestamp", str(NOW))])
    assert verdict("GET", raw.encode()) == {
        "verdict": "accept",
        "code": None,
        "message": "the signature holds",
        "signedText": f"a=%C3%A9&timestamp={NOW}",
        "cause": None,
        "explanation": None,
    }


def test_a_recognised_mistake() -> None:
    signature = hex_digest(SECRET, f'{{"a": "é", "timestamp": {NOW}}}')
    raw = f'{{"a":"é","timestamp":{NOW},"signature":"{signature}"}}'.encode()
    assert verdict("POST", raw) == {
        "verdict": "reject",
        "code": "SIGNATURE_MISMATCH",
        "message": "the signature is not the one of what was sent",
        "signedText": f'{{"a":"é","timestamp":{NOW}}}',
        "cause": "spaces",
        "explanation": CAUSES["spaces"],
    }


def test_a_mistake_that_nobody_knows() -> None:
    answer = verdict("GET", f"timestamp={NOW}&signature={'a' * 64}".encode())
    assert (answer["code"], answer["cause"]) == ("SIGNATURE_MISMATCH", None)
    assert answer["explanation"] == FAULTS["SIGNATURE_MISMATCH"]
    assert answer["signedText"] == f"timestamp={NOW}"


def test_what_cannot_be_read_has_no_signed_text() -> None:
    answer = verdict("POST", b'{"a":1,"a":2}')
    assert (answer["code"], answer["signedText"], answer["cause"]) == ("DUPLICATE_FIELD", None, None)
    assert answer["explanation"] == FAULTS["DUPLICATE_FIELD"]


def test_an_expired_request_is_not_blamed_on_its_signature() -> None:
    raw = f"b=1&a=2&timestamp={NOW}&signature={hex_digest(SECRET, f'a=2&b=1&timestamp={NOW}')}".encode()
    assert verdict("GET", raw)["cause"] == "sorted"
    answer = verdict("GET", raw, now=NOW + 5001)
    assert (answer["code"], answer["cause"]) == ("TIMESTAMP_EXPIRED", None)
    assert verdict("GET", raw, "--recv-window-default", "5001", now=NOW + 5001)["cause"] == "sorted"


def test_seconds_and_base64_have_a_cause() -> None:
    assert verdict("GET", sign_query(SECRET, [("timestamp", str(NOW // 1000))]).encode())["cause"] == "seconds"
    assert verdict("GET", f"timestamp={NOW}&signature={'A' * 43}=".encode())["cause"] == "base64"


def test_other_secrets_are_recognised() -> None:
    raw = sign_body("two", {"timestamp": NOW})
    assert verdict("POST", raw)["cause"] is None
    assert verdict("POST", raw, "--other-secret", "one", "--other-secret", "two")["cause"] == "other-secret"


def test_without_now_the_wall_clock_decides() -> None:
    for age, expected in ((0, "accept"), (60_000, "reject")):
        raw = sign_body(SECRET, {"timestamp": clock.wall_millis() - age})
        assert verdict("POST", raw, now=None)["verdict"] == expected


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
def test_the_newline_of_a_query_file_is_not_sent(ending: bytes, tmp_path: Path) -> None:
    file = tmp_path / "query"
    file.write_bytes(sign_query(SECRET, [("timestamp", str(NOW))]).encode() + ending)
    result = run("verify", "--method", "get", "--wire", str(file), "--now", str(NOW))
    assert result.exit_code == 0
    assert verdict("GET", b"\n" + file.read_bytes())["verdict"] == "reject"


def test_the_newline_of_a_body_is_sent() -> None:
    spaced = f'{{"timestamp": {NOW}}}\n'
    signature = hex_digest(SECRET, spaced)
    raw = f'{{"timestamp": {NOW}, "signature": "{signature}"}}\n'.encode()
    assert verdict("POST", raw)["signedText"] == spaced
    assert verdict("POST", raw.rstrip())["cause"] == "spaces"


@pytest.mark.parametrize(
    ("method", "wire", "signed_text"),
    [
        ("GET", "a=%20b&timestamp=1", "a=%20b&timestamp=1"),
        ("GET", "a=b\n", f"a=b&timestamp={NOW}"),
        ("GET", "", f"timestamp={NOW}"),
        ("POST", '{ "a": 0.10, "timestamp": 1 }', '{ "a": 0.10, "timestamp": 1 }'),
        ("POST", '{"a": "é"}\n', f'{{"a": "é","timestamp":{NOW}}}\n'),
        ("POST", "{}", f'{{"timestamp":{NOW}}}'),
    ],
)
def test_sign_keeps_the_text(method: str, wire: str, signed_text: str) -> None:
    result = run("sign", "--method", method, "--wire", "-", "--now", str(NOW), wire=wire.encode())
    assert result.exit_code == 0
    signature = hex_digest(SECRET, signed_text)
    if method == "GET":
        assert result.stdout == f"{signed_text}&signature={signature}"
    else:
        kept = signed_text.rstrip("\n }")
        assert result.stdout == f'{kept},"signature":"{signature}"{signed_text[len(kept) :]}'


def test_what_sign_prints_is_accepted_as_it_is() -> None:
    for method, wire in (("GET", b"a=1"), ("POST", b'{"a": 1}\n')):
        signed = run("sign", "--method", method, "--wire", "-", wire=wire)
        assert verdict(method, signed.stdout_bytes, now=None)["verdict"] == "accept"


@pytest.mark.parametrize(
    ("arguments", "wire", "said"),
    [
        (("sign", "--method", "GET", "--wire", "-"), b"signature=1", "signed already"),
        (("sign", "--method", "POST", "--wire", "-"), b'{"signature":""}', "signed already"),
        (("sign", "--method", "POST", "--wire", "-"), b"[]", "but not an object. Send a JSON object."),
        (("verify", "--method", "PUT", "--wire", "-"), b"", "PUT"),
        (("verify", "--method", "GET", "--wire", "/no/such/file"), b"", "cannot read /no/such/file: No such file"),
        (("verify", "--method", "GET", "--wire", "/"), b"", "cannot read /: Is a directory"),
        (("verify", "--method", "GET", "--wire", "-", "--now", "yesterday"), b"", "'--now'"),
        (("verify", "--method", "GET", "--wire", "-", "--recv-window-default", "0"), b"", "recv-window-default"),
        (("verify", "--method", "GET", "--wire", "-", "--secret", ""), b"", "the secret is empty"),
        (("sign", "--method", "GET", "--wire", "-", "--secret", ""), b"", "the secret is empty"),
    ],
)
def test_wrong_calls_exit_with_2(arguments: tuple[str, ...], wire: bytes, said: str) -> None:
    result = run(*arguments, wire=wire)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert said in result.stderr


def test_help_teaches_with_an_example() -> None:
    for command, example in (("sign", "printf 'partnerUserId=user-1' |"), ("verify", "--wire body.json")):
        result = run(command, "--help", env={"TERM": "dumb"})
        assert result.exit_code == 0
        assert example in result.stdout
    assert "sign" in run().output


def test_it_runs_as_a_program() -> None:
    """Bytes beyond ASCII come out as they went in, whatever the locale."""
    code = "from hashrail.cli.signature import app; app()"
    environment = {
        **os.environ,
        "LC_ALL": "POSIX",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "HASHRAIL_API_SECRET": SECRET,
    }
    arguments = [sys.executable, "-c", code, "sign", "--method", "POST", "--wire", "-", "--now", str(NOW)]
    result = subprocess.run(arguments, input='{"a":"é"}'.encode(), capture_output=True, check=True, env=environment)
    assert result.stdout == sign_body(SECRET, {"a": "é", "timestamp": NOW})
