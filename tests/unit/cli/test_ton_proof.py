"""`hashrail ton-proof`: what it prints, and the exit status that scripts rely on."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey
from typer.testing import CliRunner

from hashrail import clock
from hashrail.access.ton_proof import TonPayloadUnknownError, TonSignatureError
from hashrail.cli.ton_proof import app
from tests.support.commands import read_strictly
from tests.support.ton import (
    CASES,
    CODES_OF_REASON,
    KEY,
    NOW,
    OTHER_KEY,
    PAYLOAD,
    VECTORS,
    body_of,
    cell,
    changed,
    code_of,
    policy_of,
    signed_body,
    v4_data,
)

SHAPE = ["verdict", "step", "code", "why", "account", "details", "notChecked"]
STEPS_OF_REASON = {
    "chain": {"wrong_chain"},
    "payload": {"payload_unknown", "payload_used"},
    "domain": {"length_mismatch", "domain_not_allowed"},
    "time": {"expired", "from_future"},
    "key": {"unknown_wallet", "chain_lookup_required", "chain_lookup_failed", "bad_wallet_data"},
    "public_key": {"public_key_mismatch"},
    "signature": {"bad_signature"},
    "shapes": {"malformed", "bad_state_init"},
    "state_init": {"bad_state_init", "address_mismatch"},
}
WALLET = cell("00110", [code_of("v4r2_mainnet"), v4_data()])
BASE: dict[str, Any] = VECTORS["base_policy"]


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    """Where a test writes its policy."""
    return tmp_path / "policy.json"


def run(*arguments: str, wire: bytes = b"", env: dict[str, str] | None = None) -> Any:
    return CliRunner().invoke(app, arguments, input=wire, env={"COLUMNS": "200", **(env or {})})


def verdict(body: object, policy_file: Path | None = None, policy: object = None) -> dict[str, Any]:
    """The one JSON object that explain prints; without a policy it is given none."""
    arguments = []
    if policy_file is not None:
        policy_file.write_text(json.dumps(policy))
        arguments = ["--policy", str(policy_file)]
    wire = body if isinstance(body, bytes) else json.dumps(body).encode()
    result = run("explain", "-", *arguments, wire=wire)
    assert result.stdout.count("\n") == 1, result.stderr
    read_strictly(("ton-proof", "explain"), result.stdout)
    answer: dict[str, Any] = json.loads(result.stdout)
    assert list(answer) == SHAPE
    assert result.exit_code == (0 if answer["verdict"] == "accept" else 1)
    assert (answer["account"] is None) == (answer["verdict"] == "reject")
    return answer


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_vector(case: dict[str, Any], policy_file: Path) -> None:
    answer, expected = verdict(case["request"], policy_file, policy_of(case)), case["expect"]
    assert answer["verdict"] == expected["verdict"]
    assert answer["account"] == case.get("expect_account")
    assert answer["notChecked"] == []
    if expected["verdict"] == "reject":
        assert answer["code"] in CODES_OF_REASON[expected["reason"]]
        assert expected["reason"] in STEPS_OF_REASON[answer["step"]]


def test_an_accepted_proof(policy_file: Path) -> None:
    assert verdict(body_of("v5r1_testnet"), policy_file, policy_of(CASES["v5r1_testnet"])) == {
        "verdict": "accept",
        "step": None,
        "code": None,
        "why": "every check holds",
        "account": CASES["v5r1_testnet"]["expect_account"],
        "details": {},
        "notChecked": [],
    }


def test_a_refused_proof(policy_file: Path) -> None:
    assert verdict(body_of("payload_unknown"), policy_file, BASE) == {
        "verdict": "reject",
        "step": "payload",
        "code": "TON_PAYLOAD_UNKNOWN",
        "why": f"the payload was not issued here. {TonPayloadUnknownError.advice}",
        "account": None,
        "details": {"field": "tonWallet.connectItems.tonProof.proof.payload"},
        "notChecked": [],
    }


def test_without_policy_it_is_now_on_mainnet() -> None:
    now = clock.wall_millis() // 1000
    fresh = signed_body(WALLET, timestamp=now, domain="any.example", payload="any")
    answer = verdict(fresh)
    assert (answer["verdict"], answer["account"]["wallet"]) == ("accept", "v4r2")
    assert answer["notChecked"] == ["payload", "domain"]
    assert verdict(signed_body(WALLET, timestamp=now - 1000))["code"] == "TON_TIME_OLD"
    assert verdict(signed_body(WALLET, timestamp=now + 100))["code"] == "TON_TIME_AHEAD"
    assert verdict(changed(fresh, "tonWallet.account.chain", "-3"))["code"] == "TON_CHAIN"
    length = "tonWallet.connectItems.tonProof.proof.domain.lengthBytes"
    assert verdict(changed(fresh, length, 1))["code"] == "TON_DOMAIN_LENGTH"
    assert verdict(signed_body(WALLET, key=OTHER_KEY, timestamp=now))["code"] == "TON_SIGNATURE"


@pytest.mark.parametrize(
    ("policy", "code", "not_checked"),
    [
        ({}, None, ["payload", "domain"]),
        ({"domains_by_partner": {"b": ["b.example"], "a": ["partner.example"]}}, None, ["payload"]),
        ({"domains_by_partner": {"b": ["b.example"]}}, "TON_DOMAIN", ["payload"]),
        ({"payloads": BASE["payloads"]}, None, ["domain"]),
        ({"payloads": {}}, "TON_PAYLOAD_UNKNOWN", ["domain"]),
        ({"payloads": BASE["payloads"], "domains_by_partner": {"partner-b": ["partner.example"]}}, "TON_DOMAIN", []),
        ({"payloads": {PAYLOAD: {"partner": "a", "expires_at": NOW, "state": "issued"}}}, "TON_PAYLOAD_EXPIRED", None),
        ({"payloads": {PAYLOAD: {"partner": "a", "expires_at": NOW, "state": "consumed"}}}, "TON_PAYLOAD_USED", None),
        ({"now": NOW + 900}, None, None),
        ({"now": NOW + 901}, "TON_TIME_OLD", None),
        ({"now": NOW + 901, "max_age_seconds": 901}, None, None),
        ({"now": NOW - 60}, None, None),
        ({"now": NOW - 61}, "TON_TIME_AHEAD", None),
        ({"now": NOW - 61, "max_future_skew_seconds": 61}, None, None),
        ({"chain": "-3"}, "TON_CHAIN", None),
        ({"workchains": [-1]}, "TON_SHAPE", None),
        ({"workchains": [0]}, None, None),
    ],
)
def test_each_part_of_a_policy(
    policy: dict[str, Any], code: str | None, not_checked: list[str] | None, policy_file: Path
) -> None:
    answer = verdict(signed_body(WALLET), policy_file, {"now": NOW, **policy})
    assert answer["code"] == code
    assert not_checked is None or answer["notChecked"] == not_checked


@pytest.mark.parametrize(
    ("lookup", "signer", "code", "cause"),
    [
        (None, KEY, "TON_KEY_UNKNOWN", "unknown code"),
        ({"state": "uninit"}, KEY, "TON_KEY_UNKNOWN", "unknown code"),
        ({"state": "active", "public_key": bytes(KEY.verify_key).hex()}, KEY, None, None),
        ({"state": "active", "public_key": bytes(KEY.verify_key).hex()}, OTHER_KEY, "TON_SIGNATURE", None),
        ({"state": "active"}, KEY, "TON_KEY_UNKNOWN", "the policy's chain_lookup names no public_key"),
        ({"state": "error"}, KEY, "TON_CHAIN_UNAVAILABLE", "the policy's chain_lookup is an error"),
    ],
)
def test_what_the_chain_says(
    lookup: dict[str, str] | None, signer: SigningKey, code: str | None, cause: str | None, policy_file: Path
) -> None:
    root = cell("00110", [cell("1010"), v4_data()])
    answer = verdict(signed_body(root, key=signer), policy_file, {"now": NOW, "chain_lookup": lookup})
    assert (answer["code"], answer["details"].get("cause")) == (code, cause)
    if code is None:
        assert answer["account"]["wallet"] is None


def test_a_refused_signature_shows_what_was_to_be_signed(policy_file: Path) -> None:
    answer = verdict(body_of("tampered_signature_R"), policy_file, BASE)
    case = CASES["tampered_signature_R"]["intermediate"]
    assert answer["details"]["signedMessage"] == case["message_hex"]
    assert answer["details"]["digest"] == case["digest"]
    assert answer["why"].endswith(TonSignatureError.advice)


def test_a_name_that_occurs_twice_is_refused_as_the_api_does() -> None:
    answer = verdict(b'{"tonWallet":{"account":1,"account":2}}')
    assert (answer["step"], answer["code"], answer["details"]) == ("shapes", "DUPLICATE_FIELD", {"field": "account"})


@pytest.mark.parametrize("wire", [b'{"tonWallet":1}', b"{}", b'{"tonWallet":{"account":{"address":1.5}}}'])
def test_a_body_of_another_shape_is_refused(wire: bytes) -> None:
    assert verdict(wire)["code"] == "TON_SHAPE"


@pytest.mark.parametrize(
    ("wire", "said"),
    [
        (b"", "the body is not JSON"),
        (b"{", "the body is not JSON"),
        (b"[]", "not an object"),
        (b'{"a":"\xff"}', "the body is not UTF-8"),
    ],
)
def test_a_body_that_cannot_be_read_exits_with_2(wire: bytes, said: str) -> None:
    result = run("explain", "-", wire=wire)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


@pytest.mark.parametrize(
    "policy",
    [
        "",
        "[]",
        "{",
        "[" * 100_000,
        '{"chain": -239}',
        '{"domain": ["partner.example"]}',
        '{"now": -1}',
        '{"now": 253402300800}',
        '{"max_age_seconds": -1}',
        '{"max_future_skew_seconds": 1e30}',
        '{"workchains": [1]}',
        '{"payloads": {"a": {"partner": "p", "expires_at": 1, "state": "new"}}}',
        '{"payloads": {"a": {"partner": "p", "expires_at": 1}}}',
        '{"chain_lookup": {"state": "frozen"}}',
        '{"chain_lookup": {"state": "active", "public_key": "ab"}}',
        '{"chain_lookup": {"state": "active", "key": "ab"}}',
    ],
)
def test_a_policy_that_cannot_be_read_exits_with_2(policy: str, policy_file: Path) -> None:
    policy_file.write_text(policy)
    result = run("explain", "-", "--policy", str(policy_file), wire=json.dumps(signed_body(WALLET)).encode())
    assert (result.exit_code, result.stdout) == (2, "")
    assert "the policy cannot be read" in result.stderr


def test_files_and_their_absence(tmp_path: Path) -> None:
    body, missing = tmp_path / "body.json", tmp_path / "missing"
    body.write_text(json.dumps(body_of("v4r2_mainnet")))
    assert json.loads(run("explain", str(body)).stdout)["code"] == "TON_TIME_OLD"
    for arguments in ((str(missing),), (str(body), "--policy", str(missing))):
        result = run("explain", *arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert f"cannot read {missing}: No such file" in result.stderr
    assert run("explain").exit_code == 2


def test_help_teaches_with_an_example() -> None:
    result = run("explain", "--help", env={"TERM": "dumb"})
    assert result.exit_code == 0
    assert "hashrail ton-proof explain body.json --policy policy.json" in result.stdout
    assert "explain" in run().output


def test_it_runs_as_a_program() -> None:
    code = "from hashrail.cli.ton_proof import app; app()"
    body = json.dumps(
        signed_body(WALLET, timestamp=clock.wall_millis() // 1000, domain="é.example"), ensure_ascii=False
    )
    environment = {**os.environ, "LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    result = subprocess.run(
        [sys.executable, "-c", code, "explain", "-"],
        input=body.encode(),
        capture_output=True,
        check=True,
        env=environment,
    )
    assert json.loads(result.stdout)["verdict"] == "accept"
