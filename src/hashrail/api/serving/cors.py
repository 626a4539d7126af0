"""Browsers: what a page of another origin may send, and read of the answer.

Every page may ask and be told why it is refused: whether it may act is decided when the partner is known
(`guards.check_page`). So a preflight needs no credential and tells nothing that the API reference does not. Cookies
are never used, and no answer allows them.
"""

from collections.abc import Iterable
from re import compile as pattern

from hashrail.api.serving.operation import AnyOperation

PATHS = "/api/partner/c2s/"
SERVER_PATHS = "/api/partner/s2s/"
# Visible characters; what is longer than any host's name is sent back to nobody.
SHOWN = pattern(rb"[!-~]{1,300}")
MAY_SEND = "authorization, x-partner-api-key, content-type, idempotency-key, x-request-id, x-hashrail-position"
MAY_READ = (
    "x-request-id, x-server-time, ratelimit, ratelimit-policy, retry-after, x-withdrawal-id, idempotency-replayed, "
    "x-hashrail-position"
)
REMEMBER_SECONDS = "600"
# What is for every site: any header may be sent. A star does not cover `authorization`, and browsers that know no star
# find the others by name that dashboards send.
EVERY_SITE = {"access-control-allow-origin": "*", "access-control-expose-headers": f"etag, {MAY_READ}"}
EVERY_SITE_MAY_SEND = "*, authorization, content-type, x-device-type, ngsw-bypass"
EVERY_SITE_ASKING = {"access-control-allow-origin": "*", "access-control-allow-headers": EVERY_SITE_MAY_SEND}

RawHeaders = Iterable[tuple[bytes, bytes]]


def is_for_pages(path: str, operation: AnyOperation) -> bool:
    """Whether pages may call the operation at this path: one for clients, wherever else it is served, except S2S."""
    return operation.path.startswith("/c2s/") and not path.startswith(SERVER_PATHS)


def answer_headers(sent: RawHeaders) -> dict[str, str]:
    """Headers of any answer at a path for pages: the page that asks may read it, refusals included."""
    origin = _origin(sent)
    shared = {"vary": "Origin"}
    if origin is None:
        return shared
    return shared | {"access-control-allow-origin": origin, "access-control-expose-headers": MAY_READ}


def preflight_headers(sent: RawHeaders, methods: Iterable[str]) -> dict[str, str] | None:
    """Headers of the answer to a browser that asks before it sends; None if that is not what was asked."""
    origin = _origin(sent)
    if origin is None or not any(name == b"access-control-request-method" for name, _ in sent):
        return None
    return {
        "vary": "Origin",
        "access-control-allow-origin": origin,
        "access-control-allow-methods": ", ".join(sorted(methods)),
        "access-control-allow-headers": MAY_SEND,
        "access-control-max-age": REMEMBER_SECONDS,
    }


def _origin(sent: RawHeaders) -> str | None:
    """The one page that asks, as it named itself; None where it named none, several, or something unreadable."""
    origins = [value for name, value in sent if name == b"origin"]
    if len(origins) != 1 or not SHOWN.fullmatch(origins[0]):
        return None
    return origins[0].decode("ascii")
