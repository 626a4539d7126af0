"""Signatures: the published vectors, every fault, every recognised mistake, and JavaScript's own printer."""

import base64
import hashlib
import hmac
import json
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from hashrail_client import signing, wire
from hashrail_client.causes import CAUSES, classify
from hashrail_client.signing import (
    SentBody,
    SentQuery,
    SignatureFault,
    Verified,
    header_text,
    hex_digest,
    read_body,
    read_headers,
    read_query,
    sign_body,
    sign_body_text,
    sign_headers,
    sign_query,
    sign_query_text,
    verify,
    verify_headers,
)
from hashrail_client.wire import FAULTS, javascript_number, number_exactly, stringify

VECTORS = json.loads((Path(__file__).parent / "vectors" / "signing.json").read_text())
SECRET: str = VECTORS["secret"]
NOW: int = VECTORS["now"]
WINDOW = 5000
KNOWN_CAUSES = {
    "secret with a trailing newline": "secret-whitespace",
    "sha256 instead of hmac": "no-secret",
    "sorted before signing": "sorted",
    "decoded text hides another parameter": "percent",
    "number that JavaScript would collapse": "numbers",
}


def read(method: str, raw: str | bytes) -> SentQuery | SentBody:
    data = raw.encode() if isinstance(raw, str) else raw
    return read_query(data) if method == "GET" else read_body(data)


def judge(method: str, raw: str | bytes, now: int = NOW, secrets: tuple[str, ...] = (SECRET,)) -> Verified:
    return verify(read(method, raw), secrets, now, WINDOW)


def fault_of(method: str, raw: str | bytes, now: int = NOW) -> SignatureFault:
    with pytest.raises(SignatureFault) as caught:
        judge(method, raw, now)
    return caught.value


# ------------------------------------------------------------------------------------------- vectors


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_vector(case: dict[str, str]) -> None:
    if case["expect"].startswith("accept"):
        verified = judge(case["method"], case["wire"])
        assert verified.secret == SECRET
        assert verified.digest == hmac.digest(SECRET.encode(), verified.text.encode(), "sha256")
        assert verified.digest.hex() in case["wire"].lower()
        return
    fault = fault_of(case["method"], case["wire"])
    if fault.code == "SIGNATURE_MISMATCH":
        assert classify(read(case["method"], case["wire"]), [SECRET]) == KNOWN_CAUSES.get(case["name"])
    else:
        assert fault.code in ("SIGNATURE_MISSING", "SIGNATURE_FORMAT", "DUPLICATE_FIELD")


def test_documented_examples_are_what_we_sign() -> None:
    documented = {case["name"]: case["wire"] for case in VECTORS["cases"]}
    pairs = [("partnerUserId", "123"), ("timestamp", str(NOW)), ("limit", "20"), ("offset", "0")]
    assert sign_query(SECRET, pairs) == documented["documented GET"]
    assert sign_body(SECRET, {"partnerUserId": "123", "timestamp": NOW}).decode() == documented["documented POST"]


# -------------------------------------------------------------------------------------------- faults

GOOD = "a" * 64
BROKEN = [
    ("SIGNATURE_MISSING", "GET", f"timestamp={NOW}"),
    ("SIGNATURE_MISSING", "GET", ""),
    ("SIGNATURE_MISSING", "POST", f'{{"timestamp":{NOW}}}'),
    ("SIGNATURE_MISSING", "POST", f'{{"timestamp":{NOW},"signature":null}}'),
    ("SIGNATURE_FORMAT", "GET", f"timestamp={NOW}&signature="),
    ("SIGNATURE_FORMAT", "GET", f"timestamp={NOW}&signature={GOOD[1:]}"),
    ("SIGNATURE_FORMAT", "GET", f"timestamp={NOW}&signature={GOOD}a"),
    ("SIGNATURE_FORMAT", "GET", f"timestamp={NOW}&signature={GOOD[:-1]}g"),
    ("SIGNATURE_FORMAT", "GET", f"timestamp={NOW}&signature={GOOD}%0A"),
    ("SIGNATURE_FORMAT", "GET", f"timestamp={NOW}&signature=aa%20aa{GOOD[5:]}"),
    ("SIGNATURE_FORMAT", "POST", f'{{"timestamp":{NOW},"signature":5}}'),
    ("TIMESTAMP_MISSING", "GET", f"signature={GOOD}"),
    ("TIMESTAMP_MISSING", "POST", f'{{"signature":"{GOOD}"}}'),
    ("TIMESTAMP_FORMAT", "GET", f"timestamp=&signature={GOOD}"),
    ("TIMESTAMP_FORMAT", "GET", f"timestamp=-1&signature={GOOD}"),
    ("TIMESTAMP_FORMAT", "GET", f"timestamp=0&signature={GOOD}"),
    ("TIMESTAMP_FORMAT", "GET", f"timestamp={NOW}.0&signature={GOOD}"),
    ("TIMESTAMP_FORMAT", "GET", f"timestamp={'1' * 33}&signature={GOOD}"),
    ("TIMESTAMP_FORMAT", "GET", f"timestamp={quote('١')}&signature={GOOD}"),
    ("TIMESTAMP_FORMAT", "POST", f'{{"timestamp":"{NOW}","signature":"{GOOD}"}}'),
    ("TIMESTAMP_FORMAT", "POST", f'{{"timestamp":{NOW}.0,"signature":"{GOOD}"}}'),
    ("TIMESTAMP_FORMAT", "POST", f'{{"timestamp":true,"signature":"{GOOD}"}}'),
    ("TIMESTAMP_FORMAT", "POST", f'{{"timestamp":0,"signature":"{GOOD}"}}'),
    ("TIMESTAMP_IN_SECONDS", "GET", f"timestamp={NOW // 1000}&signature={GOOD}"),
    ("TIMESTAMP_IN_SECONDS", "POST", f'{{"timestamp":{10**11 - 1},"signature":"{GOOD}"}}'),
    ("TIMESTAMP_IN_SECONDS", "GET", f"timestamp=1&signature={GOOD}"),
    ("TIMESTAMP_EXPIRED", "POST", f'{{"timestamp":{10**11},"signature":"{GOOD}"}}'),
    ("TIMESTAMP_EXPIRED", "GET", f"timestamp={NOW - 5001}&signature={GOOD}"),
    ("TIMESTAMP_EXPIRED", "GET", f"timestamp={NOW - 2}&recvWindow=1&signature={GOOD}"),
    ("TIMESTAMP_AHEAD", "GET", f"timestamp={NOW + 1000}&signature={GOOD}"),
    ("TIMESTAMP_AHEAD", "GET", f"timestamp={'1' * 32}&signature={GOOD}"),
    ("RECV_WINDOW_FORMAT", "GET", f"timestamp={NOW}&recvWindow=&signature={GOOD}"),
    ("RECV_WINDOW_FORMAT", "GET", f"timestamp={NOW}&recvWindow=0&signature={GOOD}"),
    ("RECV_WINDOW_FORMAT", "POST", f'{{"timestamp":{NOW},"recvWindow":"5000","signature":"{GOOD}"}}'),
    ("RECV_WINDOW_FORMAT", "POST", f'{{"timestamp":{NOW},"recvWindow":true,"signature":"{GOOD}"}}'),
    ("RECV_WINDOW_FORMAT", "POST", f'{{"timestamp":{NOW},"recvWindow":0,"signature":"{GOOD}"}}'),
    ("RECV_WINDOW_TOO_LARGE", "GET", f"timestamp={NOW}&recvWindow=60001&signature={GOOD}"),
    ("RECV_WINDOW_TOO_LARGE", "POST", f'{{"timestamp":{NOW},"recvWindow":60001,"signature":"{GOOD}"}}'),
    ("DUPLICATE_FIELD", "GET", "signature=a&signature=b"),
    ("DUPLICATE_FIELD", "GET", "a=1&%61=1"),
    ("DUPLICATE_FIELD", "POST", '{"signature":"a","signature":"a"}'),
    ("DUPLICATE_FIELD", "POST", '{"a":1,"\\u0061":1}'),
    ("DUPLICATE_FIELD", "POST", '{"data":[{"b":{"a":1,"c":2,"a":1}}]}'),
    ("QUERY_NOT_UTF8", "GET", b"a=\xff"),
    ("QUERY_NOT_UTF8", "GET", "a=%C3&b=%A9"),
    ("BODY_NOT_UTF8", "POST", b'{"a":"\xff"}'),
    ("BODY_NOT_UTF8", "POST", '{"a":1}'.encode("utf-16")),
    ("BODY_NOT_JSON", "POST", ""),
    ("BODY_NOT_JSON", "POST", "{"),
    ("BODY_NOT_JSON", "POST", "{}{}"),
    ("BODY_NOT_JSON", "POST", "{} x"),
    ("BODY_NOT_JSON", "POST", '{"a":1,}'),
    ("BODY_NOT_JSON", "POST", '{,"a":1}'),
    ("BODY_NOT_JSON", "POST", '{"a":1 "b":2}'),
    ("BODY_NOT_JSON", "POST", '{"a":1]'),
    ("BODY_NOT_JSON", "POST", '{"a" 1}'),
    ("BODY_NOT_JSON", "POST", '{"a":}'),
    ("BODY_NOT_JSON", "POST", "{a:1}"),
    ("BODY_NOT_JSON", "POST", "{1:1}"),
    ("BODY_NOT_JSON", "POST", "\ufeff{}"),
    ("BODY_NOT_JSON", "POST", '{\u00a0"a":1}'),
    ("BODY_NOT_JSON", "POST", '{"a":"\n"}'),
    ("BODY_NOT_JSON", "POST", '{"a":NaN}'),
    ("BODY_NOT_JSON", "POST", '{"a":[-Infinity]}'),
    ("BODY_NOT_JSON", "POST", "Infinity"),
    ("BODY_NOT_JSON", "POST", '{"a":1e401}'),
    ("BODY_NOT_JSON", "POST", '{"a":1e-401}'),
    ("BODY_NOT_JSON", "POST", '{"a":1e99999999999999999999}'),
    ("BODY_NOT_JSON", "POST", '{"a":' + "9" * 5000 + "}"),
    ("BODY_NOT_JSON", "POST", '{"a":' + "[" * 100_000 + "]" * 100_000 + "}"),
    ("BODY_NOT_OBJECT", "POST", "[]"),
    ("BODY_NOT_OBJECT", "POST", '"text"'),
    ("BODY_NOT_OBJECT", "POST", " null "),
    ("SIGNATURE_MISMATCH", "GET", f"timestamp={NOW}&signature={GOOD}"),
    ("SIGNATURE_MISMATCH", "POST", f'{{"timestamp":{NOW},"signature":"{GOOD}"}}'),
]


@pytest.mark.parametrize(("code", "method", "raw"), BROKEN, ids=lambda value: str(value)[:40])
def test_each_cause_has_its_code(code: str, method: str, raw: str | bytes) -> None:
    fault = fault_of(method, raw)
    assert fault.code == code
    assert fault.advice == FAULTS[code]
    assert str(fault) == fault.message != ""


def test_every_fault_is_in_the_table() -> None:
    assert {code for code, _, _ in BROKEN} == set(FAULTS)


def test_a_fault_needs_a_published_code() -> None:
    with pytest.raises(KeyError):
        SignatureFault("SOMETHING_ELSE", "no")


def test_a_body_that_only_just_parses_but_cannot_be_printed_is_refused() -> None:
    depth = 1
    while True:
        raw = f'{{"timestamp":{NOW},"signature":"{GOOD}","a":' + "[" * depth + "]" * depth + "}"
        fault = fault_of("POST", raw)
        if fault.code != "SIGNATURE_MISMATCH":
            break
        depth = depth * 5 // 4 + 1
    assert fault.code == "BODY_NOT_JSON"
    assert fault.message == "the body is nested too deeply"
    assert 64 < depth < 2 * sys.getrecursionlimit()


@pytest.mark.parametrize(
    "raw",
    [
        b'{"x":{' + b",".join(b'"%d":1' % name for name in range(60_000)) + b',"59999":1}}',
        b'{"x":[' + b"0.10," * 60_000 + b"9e999]}",
        b'{"x":0.' + b"9" * 400_000 + b"}",
        b"{" + b" " * 400_000 + b"x}",
    ],
    ids=["names", "numbers", "digits", "spaces"],
)
@pytest.mark.timeout(10)
def test_a_hostile_body_is_read_in_linear_time(raw: bytes) -> None:
    assert fault_of("POST", raw).code in ("DUPLICATE_FIELD", "BODY_NOT_JSON", "SIGNATURE_MISSING")


def test_time_faults_tell_both_clocks() -> None:
    for timestamp, code in ((NOW - 9000, "EXPIRED"), (NOW + 9000, "AHEAD"), (NOW // 1000, "IN_SECONDS")):
        fault = fault_of("GET", f"timestamp={timestamp}&recvWindow=7000&signature={GOOD}")
        assert fault.code == f"TIMESTAMP_{code}"
        assert fault.details == {"serverTime": NOW, "skewMs": timestamp - NOW, "recvWindow": 7000}
    expired = fault_of("GET", f"timestamp={NOW - 5001}&signature={GOOD}")
    assert expired.message == "the timestamp is 5001 ms old and the window is 5000 ms"
    ahead = fault_of("GET", f"timestamp={NOW + 1000}&signature={GOOD}")
    assert ahead.message == "the timestamp is 1000 ms ahead of the server's clock"


def test_other_details() -> None:
    assert fault_of("GET", f"timestamp={NOW}&recvWindow=60001&signature={GOOD}").details == {"maximum": 60000}
    assert fault_of("POST", '{"a":1,"b":{"x":1,"x":2}}').details == {"field": "x"}
    assert fault_of("POST", '{"\\ud800":1,"\\ud800":2}').details == {"field": "\\ud800"}
    assert fault_of("GET", f"{'n' * 99}=1&{'n' * 99}=2").details == {"field": "n" * 64}
    assert fault_of("POST", '{"a":}').details == {"position": 5}
    assert fault_of("POST", b'{"a":"\xff"}').details == {"position": 6}
    assert fault_of("GET", f"timestamp={NOW}&signature={GOOD}").details == {}


@pytest.mark.parametrize(("age", "window"), [(0, 5000), (5000, 5000), (-999, 5000), (60000, 60000), (1, 1)])
def test_edges_of_the_window_are_inside(age: int, window: int) -> None:
    query = sign_query(SECRET, [("timestamp", str(NOW - age)), ("recvWindow", str(window))])
    assert judge("GET", query).secret == SECRET
    sent = read_body(sign_body(SECRET, {"timestamp": NOW - age}))
    assert verify(sent, [SECRET], NOW, window).secret == SECRET


def test_the_default_window_and_its_maximum_belong_to_the_caller() -> None:
    sent = read_query(sign_query(SECRET, [("timestamp", str(NOW - 6000)), ("recvWindow", "7000")]))
    assert verify(sent, [SECRET], NOW, 1, 7000).secret == SECRET
    with pytest.raises(SignatureFault, match="greater than 6999 ms"):
        verify(sent, [SECRET], NOW, 1, 6999)


def test_any_live_secret_signs_and_no_other() -> None:
    raw = sign_body("new", {"timestamp": NOW})
    assert verify(read_body(raw), ["old", "new"], NOW, WINDOW).secret == "new"
    with pytest.raises(SignatureFault):
        verify(read_body(raw), ["old"], NOW, WINDOW)
    with pytest.raises(SignatureFault):
        verify(read_body(raw), [], NOW, WINDOW)


# -------------------------------------------------------------------------------- reading and cutting


def test_a_query_is_read_once() -> None:
    sent = read_query(b"a=b+c%2B&&timestamp=7&recvWindow=x&flag&signature=%41b&=v")
    assert sent.text == "a=b+c%2B&&timestamp=7&recvWindow=x&flag&=v"
    assert sent.pairs == {"a": "b c+", "timestamp": "7", "recvWindow": "x", "flag": "", "": "v"}
    assert sent.fields == {"a": "b c+", "flag": "", "": "v"}
    assert (sent.signature, sent.timestamp, sent.recv_window) == ("Ab", 7, "x")
    assert list(read_query("a=%2541&%73ignature=1").forms()) == ["a=%2541"], "decoded it would read as another value"
    assert list(read_query("a=%41&signature=1&&b=c").forms()) == ["a=%41&&b=c", "a=A&&b=c"]
    assert list(read_query("a=%41%2B").forms()) == ["a=%41%2B"], "a plus would read as a space"


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


def test_a_body_signed_as_javascript_prints_it_may_be_sent_otherwise() -> None:
    printed = f'{{"amount":1e-7,"note":"é","timestamp":{NOW}}}'
    signature = hex_digest(SECRET, printed)
    sent = f'{{ "amount": 0.00000010, "note": "\\u00e9", "signature": "{signature}", "timestamp": {NOW} }}'
    assert judge("POST", sent).text == printed


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


def test_headers_cover_every_part() -> None:
    parts = {"method": "POST", "path": "/api/x", "query": "a=1", "body": b"{}"}
    headers = sign_headers(SECRET, NOW - 6000, **parts, recv_window_ms=7000)
    assert headers["X-PARTNER-TIMESTAMP"] == str(NOW - 6000)
    assert headers["X-PARTNER-RECV-WINDOW"] == "7000"
    accept = {"secrets": [SECRET], "now_ms": NOW, "default_window_ms": WINDOW}
    lowered = {name.lower(): value for name, value in headers.items()}
    assert verify_headers(lowered, **parts, **accept).secret == SECRET
    for name, other in (("method", "GET"), ("path", "/api/y"), ("query", "a=2"), ("body", b"{ }")):
        with pytest.raises(SignatureFault, match="not the one of what was sent"):
            verify_headers(headers, **(parts | {name: other}), **accept)
    for name, value in (("X-PARTNER-RECV-WINDOW", "60000"), ("X-PARTNER-TIMESTAMP", str(NOW - 5999))):
        with pytest.raises(SignatureFault, match="not the one of what was sent"):
            verify_headers(headers | {name: value}, **parts, **accept)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"X-PARTNER-SIGNATURE": None}, "SIGNATURE_MISSING"),
        ({"X-PARTNER-SIGNATURE": "x"}, "SIGNATURE_FORMAT"),
        ({"X-PARTNER-TIMESTAMP": None}, "TIMESTAMP_MISSING"),
        ({"X-PARTNER-TIMESTAMP": "now"}, "TIMESTAMP_FORMAT"),
        ({"X-PARTNER-TIMESTAMP": str(NOW + 1000)}, "TIMESTAMP_AHEAD"),
        ({"X-PARTNER-RECV-WINDOW": "1s"}, "RECV_WINDOW_FORMAT"),
        ({"X-PARTNER-RECV-WINDOW": "60001"}, "RECV_WINDOW_TOO_LARGE"),
    ],
)
def test_header_faults(change: dict[str, str | None], code: str) -> None:
    changed: dict[str, str | None] = {**sign_headers(SECRET, NOW, "GET", "/", "", b""), **change}
    headers = {name: value for name, value in changed.items() if value is not None}
    with pytest.raises(SignatureFault) as caught:
        verify_headers(headers, "GET", "/", "", b"", [SECRET], NOW, WINDOW)
    assert caught.value.code == code


def test_without_a_window_headers_use_the_default() -> None:
    headers = sign_headers(SECRET, NOW - 5000, "GET", "/", "", b"")
    assert set(headers) == {"X-PARTNER-SIGNATURE", "X-PARTNER-TIMESTAMP"}
    assert verify_headers(headers, "GET", "/", "", b"", [SECRET], NOW, 5000).text.startswith(f"{NOW - 5000}\nGET\n")
    with pytest.raises(SignatureFault, match="5000 ms old and the window is 4999 ms"):
        verify_headers(headers, "GET", "/", "", b"", [SECRET], NOW, 4999)


# ------------------------------------------------------------------------------------------- causes

QUERY = f"partnerUserId=a%20b%2Fc&limit=5&timestamp={NOW}"
BODY = f'{{"partnerUserId":"é/1","alpha":[1,2],"amount":0.00001,"timestamp":{NOW}}}'
SPACED = BODY.replace(",", ", ").replace('":', '": ')
LONG = "0.10000000000000000001"
MISTAKES = [
    ("sorted", "GET", QUERY, f"limit=5&partnerUserId=a%20b%2Fc&timestamp={NOW}"),
    ("sorted", "GET", QUERY.replace("%2F", "/"), f"limit=5&partnerUserId=a b/c&timestamp={NOW}"),
    ("order", "GET", QUERY, f"timestamp={NOW}&partnerUserId=a%20b%2Fc&limit=5"),
    ("plus", "GET", QUERY, QUERY.replace("%20", "+")),
    ("plus", "GET", QUERY.replace("%20", "+"), QUERY),
    ("plus", "GET", QUERY.replace("%20", "+"), QUERY.replace("%20", " ")),
    ("plus", "GET", QUERY.replace("%20", "+"), QUERY.replace("%20", " ").replace("%2F", "/")),
    ("plus", "GET", QUERY.replace("%2F", "/"), QUERY.replace("%20", "+")),
    ("percent", "GET", QUERY, QUERY.replace("%2F", "/")),
    ("percent", "GET", QUERY, QUERY.replace("%2F", "%2f")),
    ("percent", "GET", QUERY.replace("%2F", "%2f"), QUERY),
    ("percent", "GET", QUERY.replace("%2F", "%26"), QUERY.replace("%20", " ").replace("%2F", "&")),
    ("percent", "GET", f"a=b:c!/&timestamp={NOW}", f"a=b%3Ac!%2F&timestamp={NOW}"),
    ("percent", "GET", f"a=b:c!/&timestamp={NOW}", f"a=b:c%21%2F&timestamp={NOW}"),
    ("percent", "GET", f"a=b:c!/&timestamp={NOW}", f"a=b%3Ac%21%2F&timestamp={NOW}"),
    ("empty", "GET", QUERY, ""),
    ("question-mark", "GET", QUERY, f"?{QUERY}"),
    ("signature-in-text", "GET", QUERY, f"{QUERY}&signature="),
    ("left-out", "GET", QUERY, "partnerUserId=a%20b%2Fc&limit=5"),
    ("left-out", "GET", f"{QUERY}&recvWindow=9", QUERY),
    ("left-out", "GET", f"{QUERY}&recvWindow=9", "partnerUserId=a b/c&limit=5"),
    ("sorted", "POST", BODY, f'{{"alpha":[1,2],"amount":0.00001,"partnerUserId":"é/1","timestamp":{NOW}}}'),
    ("sorted", "POST", BODY, f'{{"alpha": [1, 2], "amount": 0.00001, "partnerUserId": "é/1", "timestamp": {NOW}}}'),
    ("order", "POST", BODY, f'{{"timestamp":{NOW},"partnerUserId":"é/1","alpha":[1,2],"amount":0.00001}}'),
    ("spaces", "POST", BODY, SPACED),
    ("spaces", "POST", BODY, f"{BODY}\n"),
    ("spaces", "POST", f"{SPACED}\n", SPACED),
    ("spaces", "POST", SPACED.replace("0.00001", LONG), BODY.replace("0.00001", LONG)),
    ("escapes", "POST", BODY, BODY.replace("é", "\\u00e9")),
    ("escapes", "POST", BODY.replace("é", "🦊"), BODY.replace("é", "\\ud83e\\udd8a")),
    ("escapes", "POST", BODY, BODY.replace("/", "\\/")),
    ("escapes", "POST", BODY, BODY.replace("é/", "\\u00e9\\/")),
    ("escapes", "POST", BODY, SPACED.replace("é", "\\u00e9")),
    ("numbers", "POST", BODY.replace("0.00001", LONG), BODY.replace("0.00001", "0.1")),
    ("numbers", "POST", BODY.replace("0.00001", "1e309"), BODY.replace("0.00001", "null")),
    ("empty", "POST", BODY, ""),
    ("empty", "POST", BODY, "{}"),
    ("signature-in-text", "POST", BODY, f'{BODY[:-1]},"signature":""}}'),
    ("signature-in-text", "POST", SPACED, f'{BODY[:-1]},"signature":null}}'),
    ("signature-in-text", "POST", SPACED, f'{SPACED[:-1]},"signature":null}}'),
    ("left-out", "POST", BODY, '{"partnerUserId":"é/1","alpha":[1,2],"amount":0.00001}'),
    ("left-out", "POST", f'{BODY[:-1]},"recvWindow":9}}', BODY),
    ("left-out", "POST", f'{BODY[:-1]},"recvWindow":9}}', '{"partnerUserId":"é/1","alpha":[1,2],"amount":0.00001}'),
]  # fmt: skip


def signed_with(method: str, sent: str, signature: str) -> str:
    return (
        f"{sent}&signature={signature}" if method == "GET" else wire.append_member(sent, "signature", f'"{signature}"')
    )


@pytest.mark.parametrize(("cause", "method", "sent", "signed"), MISTAKES)
def test_wrong_texts_are_recognised(cause: str, method: str, sent: str, signed: str) -> None:
    raw = signed_with(method, sent, hex_digest(SECRET, signed))
    assert fault_of(method, raw).code == "SIGNATURE_MISMATCH"
    assert classify(read(method, raw), ["retired", SECRET]) == cause
    assert classify(read(method, raw), ["retired"]) is None


@pytest.mark.parametrize("method", ["GET", "POST", "headers"])
def test_wrong_secrets_are_recognised(method: str) -> None:
    text = header_text(NOW, "GET", "/", "", b"") if method == "headers" else QUERY if method == "GET" else BODY

    def cause(signature: str, secret: str = SECRET) -> str | None:
        if method == "headers":
            headers = {"X-PARTNER-SIGNATURE": signature, "X-PARTNER-TIMESTAMP": str(NOW)}
            return classify(read_headers(headers, "GET", "/", "", b""), [secret], ["other"])
        return classify(read(method, signed_with(method, text, signature)), [secret], ["other"])

    for padded in (f"{SECRET}\n", f"{SECRET}\r\n", f"{SECRET} ", f" {SECRET}", f"{SECRET}\t"):
        assert cause(hex_digest(padded, text)) == "secret-whitespace"
        assert cause(hex_digest(SECRET, text), padded) == "secret-whitespace"
    assert cause(hex_digest("other", text)) == "other-secret"
    assert cause(hex_digest("third", text)) is None
    assert cause(hex_digest(SECRET, text)) is None, "nothing is wrong with it"
    assert cause(hex_digest("", text)) == "no-secret"
    assert cause(hashlib.sha256(text.encode()).hexdigest()) == "no-secret"
    assert cause(hashlib.sha256(f"{SECRET}{text}".encode()).hexdigest()) == "not-hmac"
    assert cause(hashlib.sha256(f"{text}{SECRET}".encode()).hexdigest()) == "not-hmac"
    assert cause(hex_digest(SECRET, "")) == "empty"


def test_base64_is_recognised() -> None:
    for salt in range(40):
        digest = signing.digest(SECRET, str(salt))
        for text in (base64.b64encode(digest).decode(), base64.urlsafe_b64encode(digest).decode().rstrip("=")):
            for method, sent in (("GET", QUERY), ("POST", BODY)):
                raw = signed_with(method, sent, text)
                assert fault_of(method, raw).code == "SIGNATURE_FORMAT"
                assert classify(read(method, raw), [SECRET]) == "base64"
    for text in ("", "x" * 43 + "!", "abcd", "A" * 40, "a" * 63, "A" * 45):
        assert classify(read("POST", signed_with("POST", BODY, text)), [SECRET]) is None
    assert classify(read("POST", '{"signature":5}'), [SECRET]) is None
    assert classify(read("GET", QUERY), [SECRET]) is None


def test_seconds_are_recognised() -> None:
    assert classify(read_query(sign_query(SECRET, [("timestamp", str(NOW // 1000))])), [SECRET]) == "seconds"
    assert classify(read_body(sign_body(SECRET, {"timestamp": 10**11 - 1})), [SECRET]) == "seconds"
    assert classify(read_body(sign_body(SECRET, {"timestamp": 10**11})), [SECRET]) is None


def test_long_requests_are_not_reordered() -> None:
    names = "gfedcba"
    for kept, cause in ((6, "order"), (7, None)):
        sent = "&".join(f"{name}=1" for name in names[:kept])
        other = "&".join(f"{name}=1" for name in names[1:kept] + names[0])
        raw = f"{sent}&signature={hex_digest(SECRET, other)}"
        assert classify(read_query(raw), [SECRET]) == cause
        body = json.dumps(dict.fromkeys(names[:kept], 1))
        other = stringify(dict.fromkeys(names[1:kept] + names[0], 1))
        assert classify(read("POST", signed_with("POST", body, hex_digest(SECRET, other))), [SECRET]) == cause


@pytest.mark.parametrize(("length", "cause"), [(2000, "order"), (2001, None)])
def test_long_texts_are_not_reordered(length: int, cause: str | None) -> None:
    sent = "c=&a=1&b=1"
    sent = sent.replace("c=", f"c={'x' * (length - len(sent))}")
    other = "&".join([*sent.split("&")[1:][::-1], sent.split("&")[0]])
    assert classify(read_query(f"{sent}&signature={hex_digest(SECRET, other)}"), [SECRET]) == cause
    body = '{"c":"","a":1,"b":1}'
    body = body.replace('""', f'"{"x" * (length - len(body))}"')
    members = read_body(body.encode()).members
    other = stringify({name: members[name] for name in "bac"})
    assert classify(read("POST", signed_with("POST", body, hex_digest(SECRET, other))), [SECRET]) == cause


def test_every_cause_has_its_sentence() -> None:
    seen = {cause for cause, *_ in MISTAKES}
    assert seen | {"seconds", "base64", "secret-whitespace", "other-secret", "no-secret", "not-hmac"} == set(CAUSES)
    assert all(sentence.endswith(".") for sentence in CAUSES.values())


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
    everything.insert(position, ("signature", GOOD))
    raw = stringify(dict(everything), number_exactly, comma=f"{before},{after}")
    sent = read_body(raw.encode())
    assert sent.signature == GOOD
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


TAMPERED = sign_body(SECRET, {"user": "u1", "amount": Decimal("0.25"), "timestamp": NOW})


@given(st.integers(0, len(TAMPERED) - 1), st.integers(1, 255))
@settings(max_examples=300)
def test_no_byte_can_be_changed(position: int, flip: int) -> None:
    changed = bytearray(TAMPERED)
    changed[position] ^= flip
    try:
        judge("POST", bytes(changed))
    except SignatureFault:
        return
    assert (changed[:-66], changed[-2:]) == (TAMPERED[:-66], TAMPERED[-2:])
    assert changed[-66:].lower() == TAMPERED[-66:], "only the case of the signature may change"


QUERY_TAMPERED = sign_query(SECRET, [("user", "u 1/é"), ("limit", "5"), ("timestamp", str(NOW))]).encode()


@given(st.integers(0, len(QUERY_TAMPERED) - 1), st.integers(1, 255))
@settings(max_examples=300)
def test_no_byte_of_a_query_can_be_changed(position: int, flip: int) -> None:
    changed = bytearray(QUERY_TAMPERED)
    changed[position] ^= flip
    try:
        verified = judge("GET", bytes(changed))
    except SignatureFault:
        return
    assert verified.text == QUERY_TAMPERED.decode().rpartition("&signature=")[0]
    assert changed[:-64] == QUERY_TAMPERED[:-64]
    assert changed[-64:].lower() == QUERY_TAMPERED[-64:], "only the case of the signature may change"


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
