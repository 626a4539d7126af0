"""What is fuzzed: whatever a stranger, an integrator or an operator's file brings, each with what must hold of it.

A target draws a value and checks it. The suite draws a few of each, the same every time
(tests/simulation/test_fuzzing.py); `python -m tools.fuzz` draws others for as long as it is told to.
"""

import base64
import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote, urlencode

from hypothesis import strategies as st

from hashrail import clock
from hashrail.access import ton_proof
from hashrail.access.ton_proof import PayloadState, Terms
from hashrail.access.ton_wallet import TonProofRefusal
from hashrail.api.operations.logins import LoginBody
from hashrail.api.operations.sandbox import ChainBody
from hashrail.api.operations.upgrades import UpgradeBody, UpgradePriceQuery
from hashrail.api.wire import cursors
from hashrail.api.wire.fields import read_json
from hashrail.api.wire.fields import read_query as read_parameters
from hashrail.bitcoin import addresses, block_proofs
from hashrail.errors import BadRequestError
from hashrail.rewards import rates
from hashrail_client.causes import CAUSES, Context, classify
from hashrail_client.signing import (
    Request,
    SignatureFault,
    hex_digest,
    read_body,
    read_headers,
    read_query,
    verify,
)
from hashrail_client.wire import FAULTS, number_exactly, stringify
from tests.support import ton

T = TypeVar("T")
SECRET = "a secret"
NOW = 1_721_656_927_974
WINDOW = 5000
MAX_FORMS = 250
ALPHABET = "ab1 &=+%#:/,;?@\"'\\{}[]~*éü🦊\x00\n2526"
ENCODERS = [("", "%20"), ("", "+"), ("-._~!'()*", "+"), (":/,;@$", "%20"), ("&=+%", "+"), ("&=+% é", " ")]


@dataclass(frozen=True)
class Target:
    """Something to fuzz: what is drawn, what must hold, and how many examples the suite takes."""

    drawn: st.SearchStrategy[Any]
    check: Callable[[Any], None]
    examples: int = 60


# Queries, and who signed them

TEXTS = st.text(st.sampled_from(ALPHABET), max_size=7) | st.text(max_size=4)
NAMES = TEXTS.filter(lambda name: name not in ("signature", "timestamp", "recvWindow"))
PAIRS = st.dictionaries(NAMES, TEXTS, max_size=3)
RAW_QUERIES = st.text(st.sampled_from(ALPHABET + "signature=timestamp"), max_size=40).map(str.encode) | st.binary(
    max_size=30
)


def _refused_by_name(read: Callable[[], T], *codes: str) -> T | None:
    """What is read; None if it is refused with one of the codes."""
    try:
        return read()
    except SignatureFault as fault:
        if fault.code not in codes:
            raise
        return None


def check_query(raw: bytes) -> None:
    """A query is read as the standard library reads it, or refused by name; its forms all say the same."""
    sent = _refused_by_name(lambda: read_query(raw), "DUPLICATE_FIELD", "QUERY_NOT_UTF8")
    if sent is None:
        return
    pairs = parse_qsl(raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=1000)
    assert [pair for pair in pairs if pair[0] != "signature"] == list(sent.pairs.items())
    forms = list(sent.forms())
    assert forms[0] == sent.text
    assert len(forms) == len(set(forms)) <= MAX_FORMS
    assert all(read_query(form).pairs == sent.pairs for form in forms)


def check_two_queries(drawn: tuple[dict[str, str], dict[str, str], tuple[str, str], tuple[str, str]]) -> None:
    """A signature over one list of pairs is never that of another."""
    sent, signed, sending, signing_as = drawn
    query, text = (
        urlencode({**pairs, "timestamp": str(NOW)}, quote_via=quote, safe=how[0]).replace("%20", how[1])
        for pairs, how in ((sent, sending), (signed, signing_as))
    )
    with suppress(SignatureFault):
        verified = verify(read_query(f"{query}&signature={hex_digest(SECRET, text)}"), [SECRET], NOW, WINDOW)
        assert verified.text == text
        assert read_query(text).pairs == read_query(query).pairs


# Bodies, and who signed them

SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.decimals(-10, 10, places=18) | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=4)


DAMAGE = [b"", b'"', b"{", b"}", b",", b"1e9", b"\xff", b"N"]


@st.composite
def raw_bodies(draw: st.DrawFn) -> bytes:
    """JSON, mostly; some bytes of it changed, doubled or gone."""
    text = stringify(
        draw(OBJECTS) | {"timestamp": NOW}, number_exactly, comma=draw(st.sampled_from([",", ", ", " ,\n"]))
    )
    raw = bytearray(text.encode("utf-8", "surrogatepass"))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, max(0, len(raw) - 1)))
        raw[at : at + draw(st.integers(0, 2))] = draw(
            st.sampled_from([b"", b'"', b"{", b"}", b",", b"1e9", b"\xff", b"N"])
        )
    return bytes(raw)


# An exponent, or digits, beyond every real amount.
ABSURD = re.compile(rb"[eE][+-]?[0-9]{3,}|[0-9]{4000}")


def _strictly(raw: bytes) -> Any:
    """The JSON object as the standard library reads it; None where it is none, or a name occurs twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError
        return dict(pairs)

    def refuse(_: str) -> None:
        raise ValueError

    try:
        found = json.loads(raw.decode(), object_pairs_hook=once, parse_float=Decimal, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def check_body(raw: bytes) -> None:
    """A body is read as the standard library reads it, or refused by name."""
    wanted = _strictly(raw)
    sent = _refused_by_name(lambda: read_body(raw), *FAULTS)
    if sent is None or wanted is None:
        assert sent is None
        assert wanted is None or ABSURD.search(raw), "what is JSON is refused for absurd numbers alone"
        return
    wanted.pop("signature", None)
    assert sent.members == wanted
    assert all(read_body(form.encode()).members == wanted for form in sent.forms())


def check_changed_body(drawn: tuple[dict[str, Any], int, int]) -> None:
    """No byte of a signed body can be changed but the case of the signature and what means nothing."""
    members, position, flip = drawn
    text = stringify(members | {"timestamp": NOW}, number_exactly)
    raw = f'{text[:-1]},"signature":"{hex_digest(SECRET, text)}"}}'.encode()
    changed = bytearray(raw)
    changed[position % len(raw)] ^= flip
    with suppress(SignatureFault):
        sent = read_body(bytes(changed))
        verify(sent, [SECRET], NOW, WINDOW)
        assert sent.members == read_body(raw).members


def check_causes(drawn: tuple[bytes, bytes, str, int]) -> None:
    """Whatever is refused, a cause is known or none is; nothing is ever raised."""
    query, body, signature, way = drawn
    context = Context(Request("POST" if way else "GET", "/x", query.decode("latin-1"), body), {"host": "h"})
    headers = {"X-PARTNER-SIGNATURE": signature, "X-PARTNER-TIMESTAMP": str(NOW)}
    sent: list[Any] = [read_headers(headers, "GET", "/x", query.decode("latin-1"), body)]
    with suppress(SignatureFault):
        sent.append(read_query(query + b"&signature=" + signature.encode()))
    with suppress(SignatureFault):
        sent.append(read_body(body))
    for one in sent:
        known = _refused_by_name(partial(classify, one, [SECRET], ["other"], context), "BODY_NOT_JSON")
        assert known in {None, *CAUSES}


# What the operations read


def check_models(raw: bytes) -> None:
    """A body becomes its model, or is refused with a code that names the field."""
    for model in (LoginBody, UpgradeBody, ChainBody):
        with suppress(SignatureFault, BadRequestError):
            read_json(raw, model, read_body(raw))
    with suppress(SignatureFault, BadRequestError):
        read_parameters(read_query(raw).pairs, UpgradePriceQuery)


def check_cursor(text: str) -> None:
    """A cursor is one that was given out, to the last character, or refused."""
    for kinds in ((int,), (str,), (str, int, int)):
        with suppress(cursors.CursorInvalidError):
            parts = cursors.decode(text, *kinds)
            assert cursors.encode(*parts) == text


def check_date(text: str) -> None:
    """A date is a moment, or refused by name."""
    with suppress(clock.BadDateTimeError, clock.DateTimeWithoutZoneError):
        assert clock.parse_iso(text, "field").tzinfo is not None


def check_address(text: str) -> None:
    """An address is valid on its network and stays itself, or is refused."""
    for network in ("bitcoin", "regtest"):
        with suppress(addresses.AddressInvalidError):
            found = addresses.parse(text, network, field="address")
            assert addresses.parse(found.text, network, field="address") == found


def check_rates(text: str) -> None:
    """A file of rates is days within their bounds, or refused by line and field."""
    defaults = {name: Decimal(1) for name in ("gomining_usd", "kwh_usd", "service_usd_per_th")}
    with suppress(rates.BadRatesError):
        for day in rates.parse_series(text.splitlines(), defaults, Decimal("0.3")):
            assert day.btc_usd > 0
            assert day.pool_btc_per_th >= 0


# Proofs of others

GENUINE = ton.signed_body(ton.v4_wallet())
BAG = ton.v4_wallet().to_boc(hash_crc32=False)
TERMS = Terms(now=clock.from_seconds(ton.NOW))
ISSUED = PayloadState(("partner.example",), TERMS.now + timedelta(hours=1), used=False)


@st.composite
def changed_bags(draw: st.DrawFn) -> bytes:
    """The bag of cells of a wallet, bytes of it changed, doubled or gone; or bytes that are none."""
    real = st.sampled_from([BAG, ton.state_init_of("v4r2_mainnet")])
    raw = bytearray(draw(real | st.binary(max_size=60)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(raw) - 1)))
        raw[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(raw)


def check_ton_state(bag: bytes) -> None:
    """A changed wallet proves nothing, whoever signed for it; and reading it fails by name alone."""
    if bag == BAG:
        return
    body = ton.changed(GENUINE, "tonWallet.account.walletStateInit", base64.b64encode(bag).decode())
    with suppress(TonProofRefusal):
        claim = ton_proof.read(body)
        wallet = ton_proof.examine(claim, TERMS, ISSUED)
        account = ton_proof.prove(claim, wallet, None)
        assert account.public_key == bytes(ton.KEY.verify_key), "the same cells in another bag"


PROOF = "tonWallet.connectItems.tonProof.proof"
CHANGES = st.sampled_from(
    [
        *("tonWallet.account.address", "tonWallet.account.chain", "tonWallet.account.publicKey", "tonWallet.account"),
        *(
            f"{PROOF}.{name}"
            for name in ("timestamp", "payload", "signature", "domain.value", "domain.lengthBytes", "domain")
        ),
    ]
)


PLAUSIBLE = st.sampled_from([{}, "-3", ton.NOW + 1, "0:" + "a" * 64])


def check_ton_claim(drawn: tuple[str, Any]) -> None:
    """A proof of which anything is changed is refused by name."""
    path, value = drawn
    body = ton.changed(GENUINE, path, value)
    if body == GENUINE:
        return
    with suppress(TonProofRefusal):
        claim = ton_proof.read(body)
        ton_proof.prove(claim, ton_proof.examine(claim, TERMS, ISSUED), None)
        assert path == "tonWallet.account.publicKey", f"{path} is proved with {value!r}"
        assert value is None


def check_block_proofs(raw: str) -> None:
    """What a node calls a header, a transaction or a proof is one, or proves nothing."""
    for read in (
        lambda: block_proofs.read_proof(raw, "regtest"),
        lambda: block_proofs.read_transaction(raw),
        lambda: block_proofs.read_chain([raw, raw], "regtest"),
        lambda: block_proofs.decode(raw, "regtest"),
    ):
        with suppress(block_proofs.UnprovenError):
            read()


HEX = st.binary(max_size=200).map(bytes.hex) | st.text(st.sampled_from("0123456789abcdefg"), max_size=200)
CELLS = st.sampled_from(
    ["day", "2026-03-01", "1", "78862,65", "1e999", "-1", "NaN", "", '"', "btc_usd", "x", "0.5", "\ufeff"]
)
COLUMNS = "day,btc_usd,difficulty,subsidy_btc,fees_btc,pool_btc_per_th"
ROWS = st.lists(CELLS, max_size=8).map(",".join)

TARGETS: dict[str, Target] = {
    "query": Target(RAW_QUERIES, check_query, 150),
    "two_queries": Target(
        st.tuples(PAIRS, PAIRS, st.sampled_from(ENCODERS), st.sampled_from(ENCODERS)), check_two_queries, 60
    ),
    "body": Target(raw_bodies(), check_body, 100),
    "changed_body": Target(st.tuples(OBJECTS, st.integers(0, 10**6), st.integers(1, 255)), check_changed_body),
    "causes": Target(
        st.tuples(
            RAW_QUERIES, raw_bodies(), st.sampled_from(["a" * 64, "", "x", "A" * 40, "A" * 43 + "="]), st.integers(0, 1)
        ),
        check_causes,
        15,
    ),
    "models": Target(raw_bodies() | RAW_QUERIES, check_models),
    "cursor": Target(
        st.text(st.sampled_from("WzEsMTIzXQ-_=Aa"), max_size=20) | st.binary(max_size=20).map(lambda raw: raw.hex()),
        check_cursor,
    ),
    "date": Target(st.text(st.sampled_from("0123456789-:.+tTzZ W"), max_size=32) | st.text(max_size=12), check_date),
    "address": Target(st.text(st.sampled_from("bcrt1qpz234X0 "), max_size=70) | st.text(max_size=20), check_address),
    "rates": Target(
        st.lists(ROWS, max_size=4).map(lambda rows: "\n".join([COLUMNS, *rows])) | st.text(max_size=60), check_rates, 80
    ),
    "ton_state": Target(changed_bags(), check_ton_state),
    "ton_claim": Target(
        st.tuples(CHANGES, SCALARS | st.sampled_from([{}, "-3", ton.NOW + 1, "0:" + "a" * 64])), check_ton_claim
    ),
    "block_proofs": Target(HEX, check_block_proofs),
}
