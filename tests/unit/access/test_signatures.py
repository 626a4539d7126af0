"""Signatures as the server judges them: the published vectors, every fault, every recognised mistake."""

import base64
import hashlib
import hmac
import json
import re
import sys
from decimal import Decimal
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashrail_client import signing, wire
from hashrail_client.causes import CAUSES, Context, classify
from hashrail_client.signing import (
    Request,
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
    sign_headers,
    sign_query,
    verify,
    verify_headers,
)
from hashrail_client.wire import FAULTS, stringify
from tests.support import folders

VECTORS = json.loads(folders.SIGNING_VECTORS.read_text())
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
    ("TIMESTAMP_FORMAT", "POST", f'{{"timestamp":{NOW}.5,"signature":"{GOOD}"}}'),
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


def test_a_body_signed_as_javascript_prints_it_may_be_sent_otherwise() -> None:
    printed = f'{{"amount":1e-7,"note":"é","timestamp":{NOW}}}'
    signature = hex_digest(SECRET, printed)
    sent = f'{{ "amount": 0.00000010, "note": "\\u00e9", "signature": "{signature}", "timestamp": {NOW} }}'
    assert judge("POST", sent).text == printed


# ----------------------------------------------------------------------------------------- headers


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
INDENTED = f"""{{
  "partnerUserId": "é/1",
  "alpha": [
    1,
    2
  ],
  "amount": 0.00001,
  "timestamp": {NOW}
}}"""
MISTAKES = [
    ("sorted", "GET", QUERY, f"limit=5&partnerUserId=a%20b%2Fc&timestamp={NOW}"),
    ("sorted", "GET", QUERY.replace("%2F", "/"), f"limit=5&partnerUserId=a b/c&timestamp={NOW}"),
    ("order", "GET", QUERY, f"timestamp={NOW}&partnerUserId=a%20b%2Fc&limit=5"),
    ("plus", "GET", "a=b+c&timestamp=1721656927974", "a=b%2Bc&timestamp=1721656927974"),
    ("plus", "GET", "a=b%2Bc&timestamp=1721656927974", "a=b+c&timestamp=1721656927974"),
    ("plus", "GET", "a=b%20c%2F%26&timestamp=1721656927974", "a=b+c/&&timestamp=1721656927974"),
    ("percent", "GET", QUERY.replace("%2F", "%26"), QUERY.replace("%20", " ").replace("%2F", "&")),
    ("percent", "GET", f"a=%253A&timestamp={NOW}", f"a=%3A&timestamp={NOW}"),
    ("body-for-query", "GET", QUERY, f'{{"partnerUserId":"a b/c","limit":"5","timestamp":"{NOW}"}}'),
    ("body-for-query", "GET", QUERY, f'{{"partnerUserId":"a b/c","limit":"5","timestamp":{NOW}}}'),
    ("body-for-query", "GET", QUERY, f'{{"partnerUserId": "a b/c", "limit": 5, "timestamp": {NOW}}}'),
    ("body-for-query", "GET", QUERY, f'{{"limit":5,"partnerUserId":"a b/c","timestamp":{NOW}}}'),
    ("body-for-query", "GET", QUERY, '{"partnerUserId":"a b/c","limit":5}'),
    ("body-for-query", "GET", f"a=true&timestamp={NOW}", f'{{"a":true,"timestamp":{NOW}}}'),
    ("empty", "GET", QUERY, "{}"),
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
    ("spaces", "POST", SPACED.replace("0.00001", "1.0"), BODY.replace("0.00001", "1.0")),
    ("spaces", "POST", BODY, INDENTED),
    ("escapes", "POST", SPACED.replace("é", "\\u00e9").replace("0.00001", "1.0"), BODY.replace("0.00001", "1.0")),
    ("escapes", "POST", BODY.replace("é", "<&>"), BODY.replace("é", "\\u003c\\u0026\\u003e")),
    ("escapes", "POST", BODY.replace("é", "ü"), BODY.replace("é", "\\u00FC")),
    ("numbers", "POST", BODY, BODY.replace("0.00001", "1e-05")),
    ("numbers", "POST", BODY.replace("0.00001", "1.0"), SPACED.replace("0.00001", "1")),
    ("query-for-body", "POST", f'{{"a":"b c","n":1,"timestamp":{NOW}}}', f"a=b%20c&n=1&timestamp={NOW}"),
    ("query-for-body", "POST", f'{{"a":"b c","n":1,"timestamp":{NOW}}}', f"a=b+c&n=1&timestamp={NOW}"),
    ("query-for-body", "POST", f'{{"n":1,"a":"b c","timestamp":{NOW}}}', f"a=b c&n=1&timestamp={NOW}"),
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


# ----------------------------------------------------------------------------- a query in other encodings

MOMENT = "2026-03-01T00:00:00.000Z"
FIELDS = {"partnerUserId": "a b@c/d~e*f'(é)", "startDate": MOMENT, "list": "1,2;3", "timestamp": str(NOW)}
JAVASCRIPT = "-._~!'()*"


def encoded(safe: str, blank: str = "%20", *, without: str = "") -> str:
    """The fields as a program prints them that leaves alone what is safe; Python's quote leaves -._~ as well."""
    text = urlencode(FIELDS, quote_via=quote, safe=safe).replace("%20", blank)
    for each in without:
        text = text.replace(each, f"%{ord(each):02X}")
    return text


PROGRAMS = {
    "encodeURIComponent": encoded(JAVASCRIPT),
    "URLSearchParams, Java, Rust": encoded("*", "+", without="~"),
    "Python urlencode, Go": encoded("", "+"),
    "Python quote": encoded("/"),
    "PHP http_build_query": encoded("", "+", without="~"),
    "PHP rawurlencode, .NET, RFC 3986": encoded(""),
    "axios": encoded(f"{JAVASCRIPT}:$,[]", "+"),
    "aiohttp": encoded("!$'()*,?/:@", "+"),
    "encodeURI": encoded(f"{JAVASCRIPT};,/?:@$#"),
    "qs": encoded("()", "+"),
    "lower case": re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), encoded("")),
    "not encoded": "&".join(f"{name}={value}" for name, value in FIELDS.items()),
    "by hand": f"partnerUserId={quote(FIELDS['partnerUserId'], safe=JAVASCRIPT)}&startDate={MOMENT}"
    f"&list={quote('1,2;3')}&timestamp={NOW}",
}


@pytest.mark.parametrize("sent", PROGRAMS)
@pytest.mark.parametrize("signed", PROGRAMS)
def test_what_one_program_signs_another_may_send(sent: str, signed: str) -> None:
    raw = signed_with("GET", PROGRAMS[sent], hex_digest(SECRET, PROGRAMS[signed]))
    assert judge("GET", raw).text == PROGRAMS[signed]
    headers = sign_headers(SECRET, NOW, "GET", "/x", PROGRAMS[signed], b"")
    if PROGRAMS[sent].isascii():
        assert verify_headers(headers, "GET", "/x", PROGRAMS[sent], b"", [SECRET], NOW, WINDOW).secret == SECRET
    with pytest.raises(SignatureFault):
        verify_headers(headers, "POST", "/x", PROGRAMS[sent], b"", [SECRET], NOW, WINDOW)


def test_how_many_texts_a_wrong_signature_costs() -> None:
    hostile = "&".join(f"n{n}={quote(chr(33 + n) * 5)}" for n in range(90))
    for query in (hostile, f"a={'%E4%B8%80' * 200}", *PROGRAMS.values()):
        forms = list(read_query(query).forms())
        assert len(forms) == len(set(forms)) <= 250
    assert len(list(read_query(f"a=%3A{'x' * 2048}").forms())) == 2


PAIRS = st.dictionaries(
    st.text(st.sampled_from("ab &=+%#:/?é~*"), max_size=4),
    st.text(st.sampled_from("a1 &=+%#:/,;é~*2526"), max_size=6),
    max_size=3,
).filter(lambda pairs: not pairs.keys() & {"signature", "timestamp", "recvWindow"})
QUOTED = st.sampled_from([("", "%20"), ("", "+"), (JAVASCRIPT, "+"), (":/,;@", "%20"), ("&=+%", "+"), ("&=+% é", " ")])


@given(PAIRS, PAIRS, QUOTED, QUOTED)
@settings(max_examples=150)
def test_another_list_of_pairs_never_verifies(
    sent: dict[str, str], signed: dict[str, str], sending: tuple[str, str], signing_as: tuple[str, str]
) -> None:
    """Whatever text was signed, a query that reads as other pairs than the text does is refused."""

    def printed(pairs: dict[str, str], how: tuple[str, str]) -> str:
        return urlencode({**pairs, "timestamp": str(NOW)}, quote_via=quote, safe=how[0]).replace("%20", how[1])

    text, query = printed(signed, signing_as), printed(sent, sending)
    try:
        verified = judge("GET", signed_with("GET", query, hex_digest(SECRET, text)))
    except SignatureFault:
        return
    assert verified.text == text
    assert read_query(text).pairs == read_query(query).pairs


# ------------------------------------------------------------------------ mistakes beyond the signed text


def context(method: str, target: str, body: bytes = b"", **headers: str) -> Context:
    path, _, query = target.partition("?")
    return Context(Request(method, path, query, body), {name.replace("_", "-"): text for name, text in headers.items()})


def test_signatures_in_the_wrong_place_are_recognised() -> None:
    good = hex_digest(SECRET, BODY)
    # A POST whose signature stands in its query, or in a header of another name; a GET with a body.
    in_query = context("POST", f"/x?timestamp={NOW}&signature={good}", BODY.encode())
    assert classify(read_body(BODY.encode()), [SECRET], (), in_query) == "place"
    assert classify(read_body(BODY.encode()), [SECRET], (), context("POST", "/x", x_signature=good)) == "place"
    assert classify(read_query(QUERY), [SECRET], (), context("GET", "/x", content_length="80")) == "place"
    assert classify(read_query(QUERY), [SECRET], (), context("GET", f"/x?{QUERY}", content_length="0")) is None
    # In the header, but over the body or the query alone, or without the header of the time.
    for method, target, body, text in (("POST", "/x", BODY, BODY), ("GET", f"/x?{QUERY}", "", QUERY)):
        path, _, query = target.partition("?")
        headers = {"X-PARTNER-SIGNATURE": hex_digest(SECRET, text), "X-PARTNER-TIMESTAMP": str(NOW)}
        sent = read_headers(headers, method, path, query, body.encode())
        assert classify(sent, [SECRET], (), context(method, target, body.encode())) == "place"
        sent = read_headers({"X-PARTNER-SIGNATURE": good}, method, path, query, body.encode())
        assert classify(sent, [SECRET], (), context(method, target, body.encode())) == "place"
    # In the field, but over the five lines.
    lines = hex_digest(SECRET, header_text(NOW, "GET", "/x", QUERY, b""))
    sent_query = read_query(signed_with("GET", QUERY, lines))
    assert classify(sent_query, [SECRET], (), context("GET", "/x")) == "place"
    lines = hex_digest(SECRET, header_text(NOW, "POST", "/x", "", BODY.encode()))
    sent_body = read_body(signed_with("POST", BODY, lines).encode())
    assert classify(sent_body, [SECRET], (), context("POST", "/x")) == "place"


@pytest.mark.parametrize(
    "text",
    [
        f"/x?{QUERY}",
        f"GET/x?{QUERY}",
        f"GET /x?{QUERY}",
        f"GET\n/x\n{QUERY}",
        f"https://h.example/x?{QUERY}",
        f"/x{QUERY}",
    ],
)
def test_the_path_is_recognised(text: str) -> None:
    sent = read_query(signed_with("GET", QUERY, hex_digest(SECRET, text)))
    assert classify(sent, [SECRET], (), context("GET", f"/x?{QUERY}", host="h.example")) == "path"
    body = read_body(signed_with("POST", BODY, hex_digest(SECRET, f"/x{BODY}")).encode())
    assert classify(body, [SECRET], (), context("POST", "/x", BODY.encode())) == "path"


def test_lines_of_the_headers_are_recognised() -> None:
    spaced = b'{"a": 1}'
    right = ("POST", "/api/partner/x", "b=c", spaced)
    for wrong, glue in (
        (("GET", *right[1:]), "\n"),
        (("POST", "/x", *right[2:]), "\n"),
        (("POST", "/api/partner/x/", *right[2:]), "\n"),
        (("POST", "/api/partner/x", "?b=c", spaced), "\n"),
        (("POST", "/api/partner/x", "", spaced), "\n"),
        (("POST", "/api/partner/x", "b=c", b""), "\n"),
        (("POST", "/api/partner/x", "b=c", b'{"a":1}'), "\n"),
        (right, "|"),
        (right, "\r\n"),
    ):
        signature = hex_digest(SECRET, header_text(NOW, *wrong, recv_window_ms=9).replace("\n", glue))
        headers = {"X-PARTNER-SIGNATURE": signature, "X-PARTNER-TIMESTAMP": str(NOW), "X-PARTNER-RECV-WINDOW": "9"}
        assert classify(read_headers(headers, *right), [SECRET]) == "header-text"
    without = hex_digest(SECRET, header_text(NOW, *right))
    assert classify(read_headers({**headers, "X-PARTNER-SIGNATURE": without}, *right), [SECRET]) == "header-text"


def test_keys_and_decoded_secrets_are_recognised() -> None:
    for secret in ("os2fBmREFFyHfWI-ae7Fr491bFSP5qHrFaCW1rihQAA", SECRET, "00ff" * 16):
        raw = bytes.fromhex(secret.replace("-", "")) if secret != "os2fBmREFFyHfWI-ae7Fr491bFSP5qHrFaCW1rihQAA" else b""
        raw = raw or base64.urlsafe_b64decode(f"{secret}=")
        signature = hmac.digest(raw, BODY.encode(), "sha256").hex()
        assert classify(read("POST", signed_with("POST", BODY, signature)), [secret]) == "secret-decoded"
    sent = read_body(signed_with("POST", BODY, hex_digest("hrk_1_abc", BODY)).encode())
    known = context("POST", "/x", BODY.encode(), x_partner_api_key="hrk_1_abc")
    assert classify(sent, [SECRET], (), known) == "key-as-secret"


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
    for length in (32, 40, 96, 128):
        assert classify(read("POST", signed_with("POST", BODY, "A" * length)), [SECRET]) == "other-hash"
    for text in ("", "x" * 43 + "!", "abcd", "A" * 41, "a" * 63, "A" * 45):
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
    seen |= {"seconds", "base64", "other-hash", "secret-whitespace", "secret-decoded", "other-secret", "no-secret"}
    assert seen | {"not-hmac", "key-as-secret", "place", "path", "header-text"} == set(CAUSES)
    assert all(sentence.endswith(".") for sentence in CAUSES.values())


# ---------------------------------------------------------------------------------------- tampering

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
