"""What was sent, read once.

A request is parsed a single time, here, and both the signature and the operation see the result of that one
parse; two parsers that disagree are how a signed text comes to mean something else. Whatever two parsers could
read differently is refused: a name that occurs twice, text that is not UTF-8, NaN, a body that is no object.

`SentQuery` and `SentBody` also know which texts the sender may have signed (`forms`), the text as sent first.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn, TypeAlias
from urllib.parse import unquote, unquote_plus

from hashrail_client import encodings

Json: TypeAlias = "bool | int | Decimal | str | list[Json] | dict[str, Json] | None"
NumberPrinter: TypeAlias = Callable[[str], str]

# One code per cause, with what the caller can do about it.
FAULTS = {
    "SIGNATURE_MISSING": "Send `signature` in the query (GET), in the JSON body (POST) or in X-PARTNER-SIGNATURE.",
    "SIGNATURE_FORMAT": "Send HMAC-SHA256 as 64 hexadecimal digits.",
    "SIGNATURE_MISMATCH": "Sign exactly what you send, without the signature itself, with a live secret of this key.",
    "TIMESTAMP_MISSING": "Send `timestamp`, milliseconds since 1970 UTC, and sign it with the rest.",
    "TIMESTAMP_FORMAT": "Send `timestamp` as digits in a query and as a JSON integer in a body, at least 1.",
    "TIMESTAMP_IN_SECONDS": "Send milliseconds: multiply the seconds by 1000.",
    "TIMESTAMP_AHEAD": "Set your clock, or add the difference to `details.serverTime`, and sign again.",
    "TIMESTAMP_EXPIRED": "Sign again with the present time; send a greater recvWindow if the network is slow.",
    "RECV_WINDOW_FORMAT": "Send `recvWindow` as digits in a query and as a JSON integer in a body, at least 1.",
    "RECV_WINDOW_TOO_LARGE": "Send a recvWindow of at most `details.maximum` milliseconds.",
    "DUPLICATE_FIELD": "Send each name once: two values for one name can be read in two ways.",
    "QUERY_NOT_UTF8": "Encode the query as UTF-8 before percent-encoding it.",
    "BODY_NOT_UTF8": "Encode the body as UTF-8.",
    "BODY_NOT_JSON": "Send one JSON document, without NaN or Infinity.",
    "BODY_NOT_OBJECT": "Send a JSON object.",
}

WHOLE_NUMBER = re.compile(r"[0-9]{1,32}")
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
WHITE_SPACE = (" ", "\t", "\n", "\r")
SIGNED_FIELDS = ("timestamp", "recvWindow")
# No double lies beyond 1e309 or below 5e-324; a greater exponent only asks a reader to write out its zeros.
MAX_EXPONENT = 400
DOUBLE_EXACT_INTEGER = 2**53


class SignatureFault(Exception):  # noqa: N818  the wire calls these faults, an error is what the server answers
    """Why a request is not accepted as signed: `code` is a word of `FAULTS`, `advice` what stands there about it;
    `details` goes to the caller."""

    def __init__(self, code: str, message: str, **details: object) -> None:
        super().__init__(message)
        self.code = code
        self.advice = FAULTS[code]
        self.message = message
        self.details = details


class InexactNumberError(Exception):
    """A number whose exact value JavaScript's own printing would not show."""


# ---------------------------------------------------------------------------------------------- printing


def javascript_number(text: str, *, lossy: bool = False) -> str | None:
    """The JSON number `text` as JavaScript prints it; None where that is another value.

    `lossy` asks for that other value: the nearest double; None then only beyond the greatest one.

    JavaScript holds every number as a double and prints the fewest digits that name this double. Only a float
    knows which digits these are, so one stands here; its result is compared, as Decimal, with the exact value.
    """
    shortest = Decimal(repr(float(text)))
    if not lossy and shortest != Decimal(text):
        return None
    if not shortest.is_finite():
        return None
    digits = "".join(map(str, shortest.as_tuple().digits)).strip("0")
    return ("-" if digits and shortest.is_signed() else "") + _layout(digits, shortest.adjusted() + 1)


def _layout(digits: str, point: int) -> str:
    """0.`digits` times 10^`point` in JavaScript's layout: an exponent below 1e-6 and from 1e21 on."""
    if not digits:
        return "0"
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}" if len(digits) > point else digits.ljust(point, "0")
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    mantissa = f"{digits[0]}.{digits[1:]}" if len(digits) > 1 else digits
    return f"{mantissa}e{point - 1:+d}"


def number_or_refusal(text: str) -> str:
    """JavaScript's print of `text`; raises InexactNumberError where that print would be another value."""
    printed = javascript_number(text)
    if printed is None:
        raise InexactNumberError(text)
    return printed


def number_exactly(text: str) -> str:
    """JavaScript's print of `text` where that is exact, else every digit of it."""
    return javascript_number(text) or f"{Decimal(text):f}"


def stringify(value: object, number: NumberPrinter = number_or_refusal, *, comma: str = ",", colon: str = ":") -> str:
    """`value` as JSON.stringify prints it: members in their order, no spaces, JavaScript's numbers and escapes.

    Raises InexactNumberError (see `number`), and TypeError for what JSON lacks. A float is refused too: an
    amount that went through one may have lost a digit before it came here.
    """
    if isinstance(value, str):
        return _string(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value) if abs(value) <= DOUBLE_EXACT_INTEGER else number(str(value))
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise TypeError(f"{value} is no JSON number")
        return number(str(value))
    if isinstance(value, Mapping):
        members = [
            f"{_string(name)}{colon}{stringify(value[name], number, comma=comma, colon=colon)}" for name in value
        ]
        return "{" + comma.join(members) + "}"
    if isinstance(value, list | tuple):
        return "[" + comma.join([stringify(item, number, comma=comma, colon=colon) for item in value]) + "]"
    raise TypeError(f"a {type(value).__name__} cannot be signed; amounts are Decimal, moments are ISO 8601 text")


def _string(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    if LONE_SURROGATE.search(quoted):
        return LONE_SURROGATE.sub(lambda lone: f"\\u{ord(lone[0]):04x}", quoted)
    return quoted


def append_pair(query: str, name: str, value: str) -> str:
    """`query` with one more pair at its end; name and value stand as they are."""
    return f"{query}&{name}={value}" if query else f"{name}={value}"


def append_member(body: str, name: str, value: str) -> str:
    """The text of a JSON object with one more member right after its last; `value` is JSON text."""
    kept = body.rstrip(" \t\n\r").removesuffix("}").rstrip(" \t\n\r")
    comma = "" if kept.endswith("{") else ","
    return f'{kept}{comma}"{name}":{value}{body[len(kept) :]}'


# ------------------------------------------------------------------------------------------- a query


@dataclass(frozen=True, slots=True)
class SentQuery:
    """A query string. `pairs` are decoded and without the signature; `text` is as sent, its pair cut out."""

    text: str
    pairs: dict[str, str]
    signature: object
    timestamp: object
    recv_window: object

    @property
    def fields(self) -> dict[str, str]:
        """What the operation was asked, without the fields of the signature."""
        return {name: value for name, value in self.pairs.items() if name not in SIGNED_FIELDS}

    @property
    def with_plus(self) -> set[str]:
        """The names in whose value a plus sign was sent as it is, and so read as a blank."""
        return {_pair(part)[0] for part in self.text.split("&") if "+" in part.partition("=")[2]}

    def forms(self) -> Iterator[str]:
        """As sent; then percent-decoded; then as standard encoders print the same pairs.

        Each once, and none that could be read as other pairs.
        """
        told = set()
        for text in self._texts():
            if text not in told and (text is self.text or self.says(text)):
                told.add(text)
                yield text

    def _texts(self) -> Iterator[str]:
        yield self.text
        yield unquote(self.text, errors="strict")
        yield from encodings.texts_of([*self.pairs.items()], [part for part in self.text.split("&") if part])

    def says(self, query: str) -> bool:
        """Whether another query string is read as the same pairs; 50%ff, which came as 50%25ff, is read as nothing."""
        try:
            return [_pair(part) for part in query.split("&") if part] == list(self.pairs.items())
        except UnicodeDecodeError:
            return False


def read_query(raw: bytes | str) -> SentQuery:
    """Read a raw query string (without `?`). Raises SignatureFault DUPLICATE_FIELD or QUERY_NOT_UTF8."""
    pairs: dict[str, str] = {}
    parts = []
    try:
        text = (raw.encode() if isinstance(raw, str) else raw).decode()
        for part in text.split("&"):
            name, value = _pair(part)
            if name != "signature":
                parts.append(part)
            if part:
                if name in pairs:
                    raise _duplicate(name)
                pairs[name] = value
    except UnicodeError as error:
        raise SignatureFault("QUERY_NOT_UTF8", "the query is not UTF-8") from error
    signature = pairs.pop("signature", None)
    timestamp, window = pairs.get("timestamp"), pairs.get("recvWindow")
    return SentQuery("&".join(parts), pairs, signature, whole_number(timestamp), whole_number(window))


def _pair(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    if "%" in part or "+" in part:
        return unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict")
    return name, value


def whole_number(text: str | None) -> int | str | None:
    """The number that digits name; any other text, and None, as it came."""
    return int(text) if text is not None and WHOLE_NUMBER.fullmatch(text) else text


# -------------------------------------------------------------------------------------------- a body


@dataclass(frozen=True, slots=True)
class SentBody:
    """A JSON object. `members` are without the signature, numbers are int or exact Decimal; `text` is as sent,
    the signature's member cut out."""

    text: str
    members: dict[str, Json]
    signature: object
    timestamp: object
    recv_window: object

    @property
    def fields(self) -> dict[str, Json]:
        """What the operation was asked, without the fields of the signature."""
        return {name: value for name, value in self.members.items() if name not in SIGNED_FIELDS}

    def forms(self) -> Iterator[str]:
        """As sent; then as JSON.stringify would print it, when every number keeps its exact value in that print."""
        yield self.text
        try:
            printed = stringify(self.members)
        except InexactNumberError:
            return
        except RecursionError as error:
            raise _too_deep() from error
        if printed != self.text:
            yield printed


def read_body(raw: bytes) -> SentBody:
    """Read a raw JSON body. Raises SignatureFault BODY_NOT_UTF8, BODY_NOT_JSON, BODY_NOT_OBJECT, DUPLICATE_FIELD."""
    try:
        text = raw.decode()
        members, cut_from, cut_to = _read_object(text)
    except UnicodeDecodeError as error:
        raise SignatureFault("BODY_NOT_UTF8", "the body is not UTF-8", position=error.start) from error
    except json.JSONDecodeError as error:
        raise SignatureFault("BODY_NOT_JSON", f"the body is not JSON: {error.msg}", position=error.pos) from error
    except RecursionError as error:
        raise _too_deep() from error
    except (ValueError, InvalidOperation) as error:
        raise SignatureFault("BODY_NOT_JSON", "a number in the body has too many digits") from error
    signature = members.pop("signature", None)
    kept = text[:cut_from] + text[cut_to:]
    return SentBody(kept, members, signature, _whole(members.get("timestamp")), _whole(members.get("recvWindow")))


def _whole(value: Json) -> Json:
    """A whole number as int, however it was written: 1.0 and 1e3 are some. Anything else as it came."""
    return int(value) if isinstance(value, Decimal) and value == value.to_integral_value() else value


def _read_object(text: str) -> tuple[dict[str, Any], int, int]:
    """The members of the object that `text` is, and the span to cut so that the signature's member is gone.

    A member goes with the comma after it, the last one with the comma before it: what remains is what the same
    printer would have printed without that member.
    """
    opened = _skip(text, 0)
    if not text.startswith("{", opened):
        _DECODER.decode(text)
        raise SignatureFault("BODY_NOT_OBJECT", "the body is JSON, but not an object")
    members: dict[str, Any] = {}
    cut = (0, 0)
    before = opened + 1
    at = _skip(text, before)
    more = not text.startswith("}", at)
    while more:
        start = at
        name, value, end = _read_member(text, at)
        if name in members:
            raise _duplicate(name)
        members[name] = value
        at = _skip(text, end)
        more = text.startswith(",", at)
        if more:
            at = _skip(text, at + 1)
        if name == "signature":
            cut = (start, at) if more else (before, end if len(members) > 1 else at)
        before = end
    if not text.startswith("}", at):
        raise json.JSONDecodeError("a comma or a closing brace is missing", text, at)
    if _skip(text, at + 1) != len(text):
        raise json.JSONDecodeError("something follows the object", text, at + 1)
    return members, *cut


def _read_member(text: str, at: int) -> tuple[str, Any, int]:
    """The name and value of the member that starts at `at`, and where it ends."""
    if not text.startswith('"', at):
        raise json.JSONDecodeError("a member's name is missing", text, at)
    name, at = _DECODER.raw_decode(text, at)
    at = _skip(text, at)
    if not text.startswith(":", at):
        raise json.JSONDecodeError("a colon is missing", text, at)
    value, at = _DECODER.raw_decode(text, _skip(text, at + 1))
    return name, value, at


def _skip(text: str, at: int) -> int:
    """Where the white space that may start at `at` ends."""
    while text.startswith(WHITE_SPACE, at):
        at += 1
    return at


def _object_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # Counted in one pass: a hostile body has a hundred thousand names.
        raise _duplicate(Counter(name for name, _ in pairs).most_common(1)[0][0])
    return found


def _decimal(text: str) -> Decimal:
    value = Decimal(text)
    if abs(value.adjusted()) > MAX_EXPONENT:
        raise SignatureFault("BODY_NOT_JSON", "a number in the body has an exponent beyond every real amount")
    return value


def _no_number(word: str) -> NoReturn:
    raise SignatureFault("BODY_NOT_JSON", f"the body is not JSON: {word} is no JSON number")


def _duplicate(name: str) -> SignatureFault:
    # The name comes from outside and goes into an answer: short, and without surrogates that no answer can hold.
    shown = name[:64].encode("utf-8", "backslashreplace").decode()
    return SignatureFault("DUPLICATE_FIELD", f"{shown} is sent more than once", field=shown)


def _too_deep() -> SignatureFault:
    return SignatureFault("BODY_NOT_JSON", "the body is nested too deeply")


_DECODER = json.JSONDecoder(object_pairs_hook=_object_once, parse_float=_decimal, parse_constant=_no_number)
