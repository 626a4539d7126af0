"""How programs write a query: the texts that standard encoders make of the same pairs, in the same order.

An integrator signs what one encoder printed, and the HTTP library sends what another one prints: axios and aiohttp
leave `:` and `,` as they are, URLSearchParams does not. The pairs are the same, so the signature is meant for them.
`texts_of` makes every such text; whoever compares must still see that each reads back to the very pairs that were sent.

Encoders differ in three things: which characters they leave alone, whether a blank is `+` or `%20`, and the case of
hexadecimal digits. How many texts there are is bounded, so that a wrong signature costs little.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, islice, product

Pair = tuple[str, str]

# What programs leave alone beside letters and digits, and which.
KEPT = (
    "-._~",  # RFC 3986: Python's quote_plus, Go, PHP's rawurlencode, .NET's EscapeDataString, Ruby's CGI, curl
    "-._~!'()*",  # encodeURIComponent, jQuery, Perl
    "-._*",  # forms of browsers: URLSearchParams, Java's URLEncoder, Rust's url, OkHttp
    "-._~!'()*:$,",  # axios
    "-._~!'()*:$,[]",  # axios before 1.8
    "-._~!$'()*,?/:@",  # yarl, and so aiohttp
    "-._",  # PHP's http_build_query
    "-._~/",  # Python's quote
    "-._!()*",  # .NET's UrlEncode
    "-._~()",  # qs, RFC 1738
    "-._~!$'()*,;:@/?=",  # what RFC 3986 lets stand in a query: Swift
    "-._~!$'()*,;:@/?#",  # encodeURI
    "-._~!$()*,;:@/?=[]{}|\\^`",  # the URL parser of browsers
    "",  # Rust's NON_ALPHANUMERIC
)
UNRESERVED = KEPT[0]
# Others are told what to leave alone. So each reserved character that occurs is tried both ways, where they are few.
MAX_RESERVED = 5
BLANKS = ("%20", "+", " ")
# Hand-made queries encode one value and leave the next: what single pairs are mixed of, and how many mixtures are made.
MIXED = KEPT[:2]
MAX_MIXTURES = 64
# A longer query has its first two forms alone: no real one is, and each form costs as much as its length.
MAX_LENGTH = 2048


def texts_of(pairs: Sequence[Pair], parts: Sequence[str]) -> Iterator[str]:
    """Every text that a standard encoder makes of the pairs, then mixtures of them; some may come twice.

    `parts` are the pairs as they were sent. Texts that can be read as other pairs are among them.
    """
    if sum(map(len, parts)) > MAX_LENGTH:
        return
    said = {character for pair in pairs for text in pair for character in text if not _is_plain(character)}
    for escapes in _escapes(said, _kept(said), BLANKS if " " in said else BLANKS[:1]):
        yield "&".join(_encoded(pair, escapes) for pair in pairs)
    # Each pair by an encoder of its own, as it was sent, or not encoded at all.
    mixed = _escapes(said, MIXED, BLANKS[:1])[::2]
    choices = [
        dict.fromkeys([part, "=".join(pair), *(_encoded(pair, escapes) for escapes in mixed)])
        for pair, part in zip(pairs, parts, strict=True)
    ]
    yield from map("&".join, islice(product(*choices), MAX_MIXTURES))


def _is_plain(character: str) -> bool:
    """A letter or a digit, which nobody escapes."""
    return character.isascii() and character.isalnum()


def _kept(said: set[str]) -> Iterator[str]:
    yield from KEPT
    # Whoever leaves & or + or % alone says something else.
    reserved = sorted(
        each for each in said if each.isascii() and each.isprintable() and each not in f"&+% {UNRESERVED}"
    )
    if len(reserved) <= MAX_RESERVED:
        for count in range(1, len(reserved) + 1):
            yield from (UNRESERVED + "".join(some) for some in combinations(reserved, count))


def _escapes(said: set[str], kept: Iterable[str], blanks: Sequence[str]) -> list[dict[int, str]]:
    """What each encoder makes of the characters that occur: tables for str.translate, each once."""
    upper = {ord(each): each.encode().hex("%").upper() for each in said}
    tables = []
    for left in dict.fromkeys(frozenset(said & {*each}) for each in kept):
        escaped = {code: f"%{digits}" for code, digits in upper.items() if chr(code) not in left}
        for blank, lower in product(blanks, (False, True)):
            table = {code: text.lower() for code, text in escaped.items()} if lower else escaped
            tables.append(table | {ord(" "): blank})
    return tables


def _encoded(pair: Pair, escapes: dict[int, str]) -> str:
    """A pair as an encoder prints it."""
    return f"{pair[0].translate(escapes)}={pair[1].translate(escapes)}"
