"""The texts that integrators sign by mistake, each with the word that says what went wrong.

`causes.classify` tries them one after the other. Printers are combined: a text is laid out, its characters escaped and
its numbers printed as libraries of other languages do, so that JSON printed twice is recognised whoever printed it.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from itertools import islice, permutations, product
from urllib.parse import unquote

from hashrail_client import encodings
from hashrail_client.signing import Sent, SentHeaders, header_text
from hashrail_client.wire import (
    SIGNED_FIELDS,
    Json,
    SentBody,
    SentQuery,
    append_member,
    append_pair,
    javascript_number,
    number_exactly,
    stringify,
)

# 6 fields have 720 orders; to print and sign a long text so often would keep the server busy for minutes.
MAX_REORDERED = 6
MAX_REORDERED_LENGTH = 2000
# Of the many texts of a query those that differ most come first.
MAX_FORMS = 24
LEFT_OUT = (SIGNED_FIELDS[:1], SIGNED_FIELDS[1:], SIGNED_FIELDS)
WORDS = {"true": True, "false": False, "null": None}

NON_ASCII = re.compile(r"[^\x00-\x7f]")
HTML = re.compile(r"[<>&]")
TEXT_OR_SPACE = re.compile(r'("(?:[^"\\]|\\.)*")|[ \t\r\n]+')
TEXT_OR_MARK = re.compile(r'("(?:[^"\\]|\\.)*")|([,:])')
DIGITS = re.compile(r"0|[1-9][0-9]{0,15}")

Texts = Iterator[tuple[str, str]]
Printer = Callable[[str], str]


def wrong_texts(sent: Sent) -> Texts:
    """(cause, text) of everything that may have been signed in place of `sent`."""
    yield "empty", ""
    yield "empty", "{}"
    match sent:
        case SentQuery():
            yield from _of_query(sent)
        case SentBody():
            yield from _of_body(sent)
        case SentHeaders():
            yield from _of_headers(sent)


# --------------------------------------------------------------------------------------------- a query


def _of_query(sent: SentQuery) -> Texts:
    text = sent.text
    yield "question-mark", f"?{text}"
    yield "signature-in-text", append_pair(text, "signature", "")
    # A plus sign that means itself, and one that means a blank.
    yield from (("plus", text.replace(*each)) for each in (("+", "%2B"), ("%2B", "+")) if each[0] in text)
    yield "percent", unquote(text)
    yield "plus", unquote(text).replace(" ", "+")
    yield "percent", "&".join("=".join(pair) for pair in sent.pairs.items())
    for form in islice(sent.forms(), MAX_FORMS):
        parts = form.split("&")
        yield "sorted", "&".join(sorted(parts))
        yield from (("left-out", "&".join(kept)) for kept in _without_signed_fields(parts))
    for form in islice(sent.forms(), 2):
        parts = form.split("&")
        if _may_be_reordered(parts, form):
            yield from (("order", "&".join(order)) for order in permutations(parts))
    yield from (("body-for-query", each) for each in _bodies_of(sent.pairs))


def _without_signed_fields(parts: Sequence[str]) -> Iterator[list[str]]:
    for names in LEFT_OUT:
        yield [part for part in parts if part.partition("=")[0] not in names]


def _bodies_of(pairs: Mapping[str, str]) -> Iterator[str]:
    """The JSON that a program prints which keeps the fields of a query in an object."""
    numbered: dict[str, Json] = {
        name: WORDS[value] if value in WORDS else int(value) if DIGITS.fullmatch(value) else value
        for name, value in pairs.items()
    }
    timed: dict[str, Json] = {name: numbered[name] if name in SIGNED_FIELDS else value for name, value in pairs.items()}
    for members, names in product((dict[str, Json](pairs), numbered, timed), (list(pairs), sorted(pairs))):
        for kept in (names, [name for name in names if name not in SIGNED_FIELDS]):
            compact = stringify({name: members[name] for name in kept}, number_exactly)
            yield from (escape(layout(compact)) for layout, escape in product(LAYOUTS[:2], ESCAPES[:2]))


# ---------------------------------------------------------------------------------------------- a body


def _of_body(sent: SentBody) -> Texts:
    members = sent.members
    compact, written = stringify(members, number_exactly), written_once(sent.text)
    yield from (("spaces", text) for text in (*printed(sent.text), sent.text.strip(), f"{sent.text}\n"))
    for text in (sent.text, compact):
        yield from (("signature-in-text", append_member(text, "signature", value)) for value in ('""', "null"))
    numbers = [compact, *(stringify(members, number) for number in (_number_through_double, _number_of_python))]
    for escape in ESCAPES:
        yield from (("escapes", text) for text in printed(escape(written)))
    for text in numbers:
        yield from (("numbers", each) for each in printed(text))
    for text, escape in product(numbers, ESCAPES):
        yield from (("escapes", each) for each in printed(escape(text)))
    for names in LEFT_OUT:
        kept = {name: members[name] for name in members if name not in names}
        yield from (("left-out", text) for text in _printed_in_order(kept, list(kept)))
    yield from (("sorted", text) for text in _printed_in_order(members, sorted(members)))
    if _may_be_reordered(members, sent.text):
        yield from (("order", text) for names in permutations(members) for text in _printed_in_order(members, names))
    yield from (("query-for-body", text) for text in _queries_of(members))


def written_once(text: str) -> str:
    """The body with every number as it was sent, and every text without escapes that it does not need."""
    return TEXT_OR_SPACE.sub(lambda found: stringify(json.loads(found[1])) if found[1] else "", text)


def printed(compact: str) -> Iterator[str]:
    """JSON text in the layouts of the usual printers, its tokens as they are."""
    return (layout(compact) for layout in LAYOUTS)


def _compact(text: str) -> str:
    return TEXT_OR_SPACE.sub(lambda found: found[1] or "", text)


def _spaced(text: str) -> str:
    return TEXT_OR_MARK.sub(lambda found: found[1] or f"{found[2]} ", _compact(text))


def _indented(text: str, step: str) -> str:
    """As JSON.stringify(value, null, 2) lays it out, and Python's indent."""
    lines, depth = [""], 0
    for part in re.findall(r'"(?:[^"\\]|\\.)*"|\[\]|\{\}|[\[\]{},:]|[^\[\]{},:"]+', _compact(text)):
        if part in "]}":
            depth -= 1
            lines.append(step * depth)
        lines[-1] += f"{part} " if part == ":" else part
        if part in "[{":
            depth += 1
        if part in "[{,":
            lines.append(step * depth)
    return "\n".join(lines)


def _utf16_escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _ascii(text: str) -> str:
    return NON_ASCII.sub(_utf16_escape, text)


def _slashed(text: str) -> str:
    return text.replace("/", "\\/")


LAYOUTS: tuple[Printer, ...] = (
    _compact,
    _spaced,
    lambda text: _indented(text, "  "),
    lambda text: _indented(text, "    "),
    lambda text: _indented(text, "\t"),
)
ESCAPES: tuple[Printer, ...] = (
    lambda text: text,
    _ascii,  # Python
    lambda text: NON_ASCII.sub(lambda found: _utf16_escape(found).upper().replace("\\U", "\\u"), text),  # .NET
    _slashed,
    lambda text: _ascii(_slashed(text)),  # PHP
    lambda text: HTML.sub(_utf16_escape, text),  # Go
)


def _number_through_double(text: str) -> str:
    # JavaScript reads what is beyond every double as Infinity, and prints that as null.
    return javascript_number(text, lossy=True) or "null"


def _number_of_python(text: str) -> str:
    """A float as Python and Java print it: 1.0, 1e-05."""
    return repr(float(text)) if not text.isdigit() else text


def _printed_in_order(members: Mapping[str, Json], names: Sequence[str]) -> Iterator[str]:
    ordered = {name: members[name] for name in names}
    yield stringify(ordered, number_exactly)
    yield stringify(ordered, number_exactly, comma=", ", colon=": ")


def _queries_of(members: Mapping[str, Json]) -> Iterator[str]:
    """The query that a program makes of the members of a body."""
    pairs = [
        (name, value if isinstance(value, str) else stringify(value, number_exactly)) for name, value in members.items()
    ]
    for each in (pairs, sorted(pairs)):
        raw = [f"{name}={value}" for name, value in each]
        yield "&".join(raw)
        yield from encodings.texts_of(each, raw)


def _may_be_reordered(names: Sized, text: str) -> bool:
    return len(names) <= MAX_REORDERED and len(text) <= MAX_REORDERED_LENGTH


# ------------------------------------------------------------------------------------------- the headers


def _of_headers(sent: SentHeaders) -> Texts:
    """One of the five lines otherwise, or all of them joined otherwise."""
    request = sent.request
    moment = sent.timestamp if isinstance(sent.timestamp, int) else 0
    window = sent.recv_window if isinstance(sent.recv_window, int) else None
    body = request.body.decode(errors="replace")
    bodies = [request.body, b"", b"{}", *(text.encode() for text in printed(body))]
    paths = [request.path, request.path.rstrip("/"), f"{request.path}/", request.path.removeprefix("/api/partner")]
    queries = [request.query, f"?{request.query}", ""]
    for method, path in product((request.method, "GET", "POST"), paths):
        for query, content, kept in product(queries, bodies, (window, None)):
            yield "header-text", header_text(moment, method, path, query, content, kept)
    for glue in ("", " ", "|", ":", "\r\n"):
        yield "header-text", sent.text.replace("\n", glue)
    yield "header-text", f"{sent.text}\n"
    yield "header-text", "\n".join([*sent.text.split("\n")[:-1], body])
