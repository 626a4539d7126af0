"""Checking what a deployment signs, with nothing but its documents and its published keys.

    keys = read_keys(client.proofs.keys())
    day = verify_day(document, keys, previous=document_of_the_day_before)
    verify_record(day, record, power=Decimal(64), energy_efficiency=Decimal(15))

`verify_day` holds the signature against a key, the document against the one before, and reckons every rate again from
the inputs: what the pool pays per TH where it followed from the chain, and pool, c1, c2 and net of each class.
`verify_record` holds a user's income against the day's rates. `verify_power` holds a partner's own power against its
commitment. What they do not prove: that inputs are what the world said (the document names sources and the hashes of
their answers), and that power was mined.

Amounts are exact: JSON has to be read with `parse_float=Decimal`, as `read` does.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

KIND, VERSION = "hashrail day", 1
RATE_DECIMALS, AMOUNT_DECIMALS = 14, 18
SECONDS_PER_DAY, HASHES_PER_TH, HASHES_PER_DIFFICULTY = 86400, 10**12, 2**32
RATES = ("pool", "c1", "c2", "net")


class ProofError(Exception):
    """Something is not as it was signed or reckoned; `code` says which check failed, in one word for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@dataclass(frozen=True)
class VerifiedDay:
    """A document that holds: its content, and the SHA-256 that the next day has to name."""

    day: str
    sha256: str
    content: Mapping[str, Any]


def read(text: str) -> Any:
    """JSON with exact numbers."""
    return json.loads(text, parse_float=Decimal, parse_int=int)


def read_keys(answer: Mapping[str, Any]) -> dict[str, bytes]:
    """The published keys by their kid, from what the operation `proof_keys` answers."""
    return {each["kid"]: bytes.fromhex(each["publicKey"]) for each in answer["keys"]}


def open_document(
    document: Mapping[str, Any], keys: Mapping[str, bytes], kind: str, version: int
) -> tuple[str, Mapping[str, Any]]:
    """SHA-256 and content of a signed document of a kind, whatever it says.

    Raises ProofError: KEY_UNKNOWN, SIGNATURE, HASH or CONTENT.
    """
    text = str(document["content"]).encode()
    kid = str(document["kid"])
    if kid not in keys:
        raise ProofError("KEY_UNKNOWN", f"none of the keys is {kid}")
    try:
        Ed25519PublicKey.from_public_bytes(keys[kid]).verify(bytes.fromhex(str(document["signature"])), text)
    except (InvalidSignature, ValueError) as error:
        raise ProofError("SIGNATURE", "the content is not what the key signed") from error
    sha256 = hashlib.sha256(text).hexdigest()
    if sha256 != document["sha256"]:
        raise ProofError("HASH", f"the content has the hash {sha256}")
    content = read(text.decode())
    if (content.get("document"), content.get("version"), content.get("kid")) != (kind, version, kid):
        raise ProofError("CONTENT", f"it is no document of the kind {kind} that this program knows")
    if document["day"] != content["day"]:
        raise ProofError("CONTENT", f"it is the document of {content['day']}")
    return sha256, content


def verify_day(
    document: Mapping[str, Any], keys: Mapping[str, bytes], *, previous: VerifiedDay | None = None
) -> VerifiedDay:
    """A day's document, as the operation `proof_day` answers it, reckoned again from its inputs.

    With `previous`, the verified document of the day before, it has to follow from that one. Raises ProofError:
    KEY_UNKNOWN, SIGNATURE, HASH, CONTENT, CHAIN, POOL, DISCOUNT or RATES.
    """
    sha256, content = open_document(document, keys, KIND, VERSION)
    if previous is not None and (content["previous"], content["day"]) != (previous.sha256, _day_after(previous.day)):
        raise ProofError("CHAIN", f"it does not follow from the document of {previous.day}")
    _check_pool(content)
    for each in content["classes"]:
        _check_class(content, each)
    return VerifiedDay(content["day"], sha256, content)


def verify_record(
    day: VerifiedDay,
    record: Mapping[str, Any],
    *,
    power: Decimal,
    energy_efficiency: Decimal,
    discount: Decimal | None = None,
) -> Mapping[str, Any]:
    """A user's record of income for one miner, as the operations #16 to #18 answer it, held against the day's rates.

    `power` TH and `energy_efficiency` W/TH of the miner on that day; `discount`, a fraction, where it is known.
    Answers the rate class that it was paid by. Raises ProofError: DAY, ADJUSTMENT or RECORD.
    """
    if record["day"] != day.day:
        raise ProofError("DAY", f"the record is of {record['day']}, the document of {day.day}")
    if record.get("adjustmentId") is not None:
        raise ProofError("ADJUSTMENT", "a correction stands in the document of the day that it was credited with")
    told = tuple(Fraction(str(record[name])) for name in ("value", "c1Value", "c2Value"))
    for each in day.content["classes"]:
        if Decimal(each["energyEfficiency"]) != energy_efficiency:
            continue
        if discount is not None and Decimal(each["discount"]) != discount:
            continue
        if told == tuple(Fraction(power) * Fraction(each[name]) for name in ("net", "c1", "c2")):
            return dict(each)
    raise ProofError("RECORD", "no class of that efficiency pays this for that power")


def verify_power(day: VerifiedDay, opening: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A partner's opening, as `s2s_proof_power` answers it: the power by class that the document commits to.

    Answers the lines with what each earned, BTC net. Raises ProofError: DAY, COMMITMENT or CLASS.
    """
    if opening["day"] != day.day:
        raise ProofError("DAY", f"the opening is of {opening['day']}, the document of {day.day}")
    commitment = hashlib.sha256(bytes.fromhex(str(opening["salt"])) + str(opening["text"]).encode()).hexdigest()
    if commitment not in day.content["power"]:
        raise ProofError("COMMITMENT", "the document commits to something else")
    rates = {_class(each): each for each in day.content["classes"]}
    lines: list[Mapping[str, Any]] = []
    for line in read(str(opening["text"])):
        if _class(line) not in rates:
            raise ProofError("CLASS", "a class of the opening is not in the document")
        net = Fraction(line["power"]) * Fraction(rates[_class(line)]["net"])
        lines.append({**line, "net": Decimal(_shown(net))})
    return lines


def _class(found: Mapping[str, Any]) -> tuple[Decimal, Decimal, tuple[int, ...]]:
    """What tells a class from others, however its numbers are written."""
    return Decimal(found["energyEfficiency"]), Decimal(found["levelDiscount"]), tuple(found["programmes"])


def _day_after(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()


def _check_pool(content: Mapping[str, Any]) -> None:
    """What the pool pays follows from the chain, less the pool's fee; where it was given, nothing can be reckoned."""
    inputs = content["inputs"]
    if inputs["difficulty"] is None:
        return
    fees = [each["value"] for each in content["sources"] if each["figure"] == "pool_fee" and each["value"] is not None]
    kept = 1 - Fraction(fees[0] if fees else 0)
    paid = SECONDS_PER_DAY * HASHES_PER_TH * (Fraction(inputs["subsidyBtc"]) + Fraction(inputs["feesBtc"])) * kept
    expected = _rounded(paid / (Fraction(inputs["difficulty"]) * HASHES_PER_DIFFICULTY))
    if expected != Fraction(inputs["poolBtcPerTh"]):
        raise ProofError("POOL", f"difficulty, subsidy and fees give {_shown(expected)} BTC per TH")


def _check_class(content: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """A class's discount and rates follow from the day's inputs."""
    inputs = content["inputs"]
    fractions = {each["programme"]: Fraction(each["fraction"]) for each in content["fractions"]}
    given = Fraction(found["levelDiscount"]) + sum(fractions.get(each, Fraction(0)) for each in found["programmes"])
    discount = min(Fraction(inputs["discountCap"]), given)
    if discount != Fraction(found["discount"]):
        raise ProofError("DISCOUNT", f"level and programmes give {_shown(discount)}")
    pool, price = Fraction(inputs["poolBtcPerTh"]), Fraction(inputs["btcUsd"])
    electricity = Fraction(inputs["kwhUsd"]) * 24 * Fraction(found["energyEfficiency"]) / 1000
    c1 = _rounded(electricity * (1 - discount) / price)
    c2 = _rounded(Fraction(inputs["serviceUsdPerTh"]) * (1 - discount) / price)
    expected = (pool, c1, c2, pool - c1 - c2) if pool >= c1 + c2 else (Fraction(0),) * 4
    if expected != tuple(Fraction(found[name]) for name in RATES):
        told = ", ".join(map(_shown, expected))
        raise ProofError("RATES", f"the inputs give pool, c1, c2 and net {told}")


def _rounded(value: Fraction) -> Fraction:
    """14 decimals, half to even."""
    return Fraction(round(value * 10**RATE_DECIMALS), 10**RATE_DECIMALS)


def _shown(value: Fraction) -> str:
    """A figure of at most 18 decimals."""
    return f"{Decimal(f'{round(value * 10**AMOUNT_DECIMALS)}E-{AMOUNT_DECIMALS}'):f}"
