"""What the SDK signs, and in which form it is sent: every digit, JavaScript's own printer, headers."""

import hashlib
import json
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from hashrail_client import wire
from hashrail_client.signing import (
    Verified,
    header_text,
    hex_digest,
    read_body,
    read_query,
    sign_body,
    sign_body_text,
    sign_query,
    sign_query_text,
    verify,
)
from hashrail_client.wire import javascript_number, number_exactly, stringify

VECTORS = json.loads((Path(__file__).parent / "signing.json").read_text())
SECRET: str = VECTORS["secret"]
NOW: int = VECTORS["now"]


def judge(method: str, raw: str | bytes) -> Verified:
    """What the API judges of a request that arrives at once."""
    data = raw.encode() if isinstance(raw, str) else raw
    return verify(read_query(data) if method == "GET" else read_body(data), [SECRET], NOW, 5000)


def test_documented_examples_are_what_we_sign() -> None:
    documented = {case["name"]: case["wire"] for case in VECTORS["cases"]}
    pairs = [("partnerUserId", "123"), ("timestamp", str(NOW)), ("limit", "20"), ("offset", "0")]
    assert sign_query(SECRET, pairs) == documented["documented GET"]
    assert sign_body(SECRET, {"partnerUserId": "123", "timestamp": NOW}).decode() == documented["documented POST"]


# -------------------------------------------------------------------------------- reading and cutting


def test_a_query_is_read_once() -> None:
    sent = read_query(b"a=b+c%2B&&timestamp=7&recvWindow=x&flag&signature=%41b&=v")
    assert sent.text == "a=b+c%2B&&timestamp=7&recvWindow=x&flag&=v"
    assert sent.pairs == {"a": "b c+", "timestamp": "7", "recvWindow": "x", "flag": "", "": "v"}
    assert sent.fields == {"a": "b c+", "flag": "", "": "v"}
    assert (sent.signature, sent.timestamp, sent.recv_window) == ("Ab", 7, "x")
    assert list(read_query("a=%2541&%73ignature=1").forms()) == ["a=%2541"], "decoded it would read as another value"
    forms = list(read_query("a=%41&signature=1&&b=c").forms())
    assert forms[:3] == ["a=%41&&b=c", "a=A&&b=c", "a=A&b=c"]
    assert "a=A+" not in read_query("a=%41%2B").forms(), "a plus would read as a space"


@pytest.mark.parametrize(
    ("sent", "cut"),
    [
        ('{"signature":"x"}', "{}"),
        ('{ "signature" : "x" }', "{}"),
        ('{"a":1,"signature":"x"}', '{"a":1}'),
        ('{"signature":"x","a":1}', '{"a":1}'),
        ('{"a":1,"signature":"x","b":2}', '{"a":1,"b":2}'),
        ('{"a":1, "signature":"x", "b":2}', '{"a":1, "b":2}'),
        ('{\n  "a": 1,\n  "signature": "x"\n}\n', '{\n  "a": 1\n}\n'),
        ('{\n\t"signature": "x",\r\n\t"a": 1\n}', '{\n\t"a": 1\n}'),
        ('{"\\u0073ignature":"x","a":",\\"signature\\":"}', '{"a":",\\"signature\\":"}'),
        ('{"a":{"signature":1},"signature":"x"}', '{"a":{"signature":1}}'),
        ('{"a":1}', '{"a":1}'),
        (" {} ", " {} "),
    ],
)
def test_cutting_takes_the_right_comma(sent: str, cut: str) -> None:
    assert next(read_body(sent.encode()).forms()) == cut


def test_a_body_keeps_every_digit() -> None:
    sent = read_body(
        b'{"signature":"x","amount":0.10000000000000000001,"timestamp":7,"recvWindow":8,"id":12,"e":{"n":[1E2]}}'
    )
    assert sent.fields == {"amount": Decimal("0.10000000000000000001"), "id": 12, "e": {"n": [Decimal(100)]}}
    assert list(sent.members) == ["amount", "timestamp", "recvWindow", "id", "e"]
    assert (sent.signature, sent.timestamp, sent.recv_window) == ("x", 7, 8)
    assert list(sent.forms()) == [
        '{"amount":0.10000000000000000001,"timestamp":7,"recvWindow":8,"id":12,"e":{"n":[1E2]}}'
    ]


# ----------------------------------------------------------------------------- JavaScript's printing

PRINTS = [
    ("0", "0"), ("-0", "0"), ("-0.0", "0"), ("0e5", "0"), ("-0.00", "0"),
    ("1", "1"), ("-1", "-1"), ("1.0", "1"), ("10", "10"), ("100e-1", "10"), ("-2.50", "-2.5"), ("1e2", "100"),
    ("1E+2", "100"),
    ("0.1", "0.1"), ("0.5", "0.5"), ("123.456", "123.456"), ("1.5e1", "15"), ("12e-1", "1.2"), ("0.000123", "0.000123"),
    ("0.000001", "0.000001"), ("1e-6", "0.000001"), ("0.0000012", "0.0000012"), ("0.0000001", "1e-7"), ("1e-7", "1e-7"),
    ("6.6e-7", "6.6e-7"), ("0.00000066", "6.6e-7"), ("-1.25e-9", "-1.25e-9"), ("0.00000001", "1e-8"),
    ("5e-324", "5e-324"), ("2.2250738585072014e-308", "2.2250738585072014e-308"),
    ("1e20", "100000000000000000000"), ("1e21", "1e+21"), ("1000000000000000000000", "1e+21"), ("1.5e21", "1.5e+21"),
    ("123456789012345680000", "123456789012345680000"), ("999999999999999900000", "999999999999999900000"),
    ("1.2345678901234568e21", "1.2345678901234568e+21"), ("1e100", "1e+100"),
    ("1.7976931348623157e308", "1.7976931348623157e+308"), ("9007199254740991", "9007199254740991"),
    ("9007199254740992", "9007199254740992"), ("9007199254740993", None), ("123456789012345678901", None),
    ("0.10000000000000000001", None), ("0.1234567890123456789", None), ("1e400", None), ("3e-324", None),
    ("1e-400", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "printed"), PRINTS)
def test_javascript_number(text: str, printed: str | None) -> None:
    assert javascript_number(text) == printed
    assert printed is None or Decimal(printed) == Decimal(text)


def test_what_javascript_makes_of_other_numbers() -> None:
    lossy = {"9007199254740993": "9007199254740992", "0.10000000000000000001": "0.1", "3e-324": "5e-324", "1e-400": "0"}
    for text, printed in lossy.items():
        assert javascript_number(text, lossy=True) == printed
    assert javascript_number("-1e400", lossy=True) is None


def test_numbers_are_printed_exactly_for_sending() -> None:
    members = {
        "a": Decimal("1E-7"),
        "b": Decimal("0.10000000000000000001"),
        "c": 9007199254740993,
        "d": Decimal("1.50"),
    }
    assert stringify(members, number_exactly) == '{"a":1e-7,"b":0.10000000000000000001,"c":9007199254740993,"d":1.5}'
    assert number_exactly("1.23456789012345678901E+5") == "123456.789012345678901"
    body = sign_body(SECRET, {**members, "timestamp": NOW})
    assert read_body(body).members["b"] == members["b"]
    assert judge("POST", body).text.startswith('{"a":1e-7,"b":0.1000')


def test_stringify_knows_all_of_json() -> None:
    value = {"a": [None, True, False, (1, "x")], "b": {}, "c": [], "\n": '"\\/\b\f\n\r\t\x01\x7f\u2028é🦊\ud83e\udd8a'}
    printed = (
        r'{"a":[null,true,false,[1,"x"]],"b":{},"c":[],"\n":"\"\\/\b\f\n\r\t\u0001'
        "\x7f\u2028é🦊"
        r'\ud83e\udd8a"}'
    )
    assert stringify(value) == printed
    assert stringify("\udc00x\ud800") == r'"\udc00x\ud800"'
    assert stringify({"a": [1, {"b": 2}]}, comma=", ", colon=": ") == '{"a": [1, {"b": 2}]}'


@pytest.mark.parametrize("value", [1.5, b"x", {1}, Decimal("NaN"), Decimal("Infinity"), object()])
def test_what_json_lacks_is_not_signed(value: object) -> None:
    with pytest.raises(TypeError):
        sign_body(SECRET, {"a": value})


def test_nothing_is_signed_twice() -> None:
    with pytest.raises(ValueError, match="signed already"):
        sign_query_text(SECRET, "signature=1")
    with pytest.raises(ValueError, match="signed already"):
        sign_body_text(SECRET, '{"signature":"1"}')


def test_signatures_are_appended_to_the_text_as_it_is() -> None:
    empty = hex_digest(SECRET, "")
    assert sign_query_text(SECRET, "") == f"signature={empty}"
    assert sign_query(SECRET, [("a/b", "c d+é"), ("e", "")]).startswith("a%2Fb=c%20d%2B%C3%A9&e=&signature=")
    pretty = '{\n  "timestamp": 1\n}\n'
    assert sign_body_text(SECRET, pretty) == (f'{{\n  "timestamp": 1,"signature":"{hex_digest(SECRET, pretty)}"\n}}\n')
    assert sign_body_text(SECRET, " { }") == f' {{"signature":"{hex_digest(SECRET, " { }")}" }}'


# ----------------------------------------------------------------------------------------- headers


def test_header_text_has_five_lines() -> None:
    empty = hashlib.sha256(b"").hexdigest()
    assert header_text(NOW, "get", "/api/x", "a=1", b"") == f"{NOW}\nGET\n/api/x\na=1\n{empty}"
    hashed = hashlib.sha256(b"{}").hexdigest()
    assert header_text(NOW, "POST", "/api/x", "", b"{}", 700) == f"{NOW} 700\nPOST\n/api/x\n\n{hashed}"


# --------------------------------------------------------------------------------------- properties

NAMES = st.text(max_size=6).filter(lambda name: name not in ("signature", "timestamp", "recvWindow"))
DOUBLES = st.floats(allow_nan=False, allow_infinity=False).map(lambda value: Decimal(repr(value)))
EXACT = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=18)
SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | DOUBLES | EXACT | st.text(max_size=8)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(NAMES, JSON, max_size=4)
SPACING = st.text(" \t\n\r", max_size=2)


@settings(max_examples=60)
@given(OBJECTS, st.data())
def test_any_object_signed_as_sent_verifies(members: dict[str, Any], data: st.DataObject) -> None:
    comma, colon = f"{data.draw(SPACING)},{data.draw(SPACING)}", f"{data.draw(SPACING)}:{data.draw(SPACING)}"
    text = stringify({**members, "timestamp": NOW}, number_exactly, comma=comma, colon=colon)
    raw = sign_body_text(SECRET, text)
    verified = judge("POST", raw)
    assert verified.text == text
    assert read_body(raw.encode()).fields == members


@settings(max_examples=60)
@given(OBJECTS, st.integers(0, 5), SPACING, SPACING)
def test_cutting_never_changes_the_others(members: dict[str, Any], position: int, before: str, after: str) -> None:
    everything = list({**members, "timestamp": NOW}.items())
    everything.insert(position, ("signature", "a" * 64))
    raw = stringify(dict(everything), number_exactly, comma=f"{before},{after}")
    sent = read_body(raw.encode())
    assert sent.signature == "a" * 64
    assert sent.fields == members
    assert sent.text == stringify({**members, "timestamp": NOW}, number_exactly, comma=f"{before},{after}")


@settings(max_examples=60)
@given(OBJECTS, st.data())
def test_as_javascript_signs_it_verifies_however_it_is_sent(members: dict[str, Any], data: st.DataObject) -> None:
    try:
        printed = stringify({**members, "timestamp": NOW})
    except wire.InexactNumberError:
        assume(False)
    signature = hex_digest(SECRET, printed)
    raw = stringify({**members, "timestamp": NOW, "signature": signature}, str, comma=data.draw(SPACING) + ",")
    escaped = raw.replace("é", "\\u00e9").replace("/", "\\/")
    assert printed in (judge("POST", raw).text, judge("POST", escaped).text)


@settings(max_examples=60)
@given(st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=6), max_size=4))
@example({"signatures": "&signature="})
def test_any_query_signed_as_sent_verifies(pairs: dict[str, str]) -> None:
    assume(not {"signature", "timestamp", "recvWindow"} & pairs.keys())
    raw = sign_query(SECRET, [*pairs.items(), ("timestamp", str(NOW))])
    assert judge("GET", raw).digest.hex() == raw[-64:]
    assert read_query(raw).fields == pairs
    decoded = "&".join(f"{name}={value}" for name, value in [*pairs.items(), ("timestamp", str(NOW))])
    unambiguous = not any(set("&=%+") & set(name + value) for name, value in pairs.items())
    if unambiguous:
        unsigned = raw.rpartition("&signature=")[0]
        assert judge("GET", f"signature={hex_digest(SECRET, decoded)}&{unsigned}").text in (decoded, unsigned)


NODE = shutil.which("node")


@pytest.mark.skipif(NODE is None, reason="node is not installed: apt-get install nodejs")
def test_javascript_prints_the_same() -> None:
    """JSON.stringify(JSON.parse(x)) of a generated batch, line by line."""
    batch: list[str] = [text for text, printed in PRINTS if printed is not None]

    @settings(max_examples=150, database=None)
    @given(
        st.lists(DOUBLES, max_size=8),
        st.dictionaries(st.text(min_size=1, max_size=5).map("k{}".format), JSON, max_size=4),
    )
    def collect(numbers: list[Decimal], members: dict[str, Any]) -> None:
        batch.extend(str(number) for number in numbers)
        if not has_index_name(members):
            batch.append(stringify(members, number_exactly))

    collect()
    exact, lossy = [], []
    for text in batch:
        value = wire._DECODER.decode(text)
        exact.append(stringify(value, number_exactly))
        lossy.append(stringify(value, lambda number: javascript_number(number, lossy=True) or "null"))
    script = (
        "const lines = require('fs').readFileSync(0, 'utf8').split('\\n');"
        "process.stdout.write(lines.map((line) => JSON.stringify(JSON.parse(line))).join('\\n'));"
    )
    run = subprocess.run([str(NODE), "-e", script], input="\n".join(exact), capture_output=True, text=True, check=True)
    assert run.stdout.split("\n") == lossy
    assert len(batch) > 300


def has_index_name(value: object) -> bool:
    """Whether a name looks like an array index or is __proto__: JavaScript gives those a place of their own."""
    if isinstance(value, dict):
        return any(name.isdigit() or name == "__proto__" or has_index_name(value[name]) for name in value)
    return isinstance(value, list) and any(has_index_name(item) for item in value)
