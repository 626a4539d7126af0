"""Pages from templates: every value is escaped, and a name that nobody gave is an error."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from hashrail.api.serving.call import ENCODER
from hashrail.pages.assets import Assets
from hashrail.pages.reference import prose
from hashrail.settings import Settings
from hashrail.version import VERSION

# Scripts, styles, pictures and calls come from here alone, and nobody shows a page in a frame of their own.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
# `same-origin`: without a referrer browsers do not say of a form where it comes from.
PRIVATE_HEADERS = HEADERS | {
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
}
# The framework names the charset.
HTML = "text/html"


class Templates:
    """The templates of this program, with what stands on every page.

    `written` says how any value that a template names is written, `filters` how one is that the template says so of.
    """

    def __init__(
        self,
        settings: Settings,
        assets: Assets,
        *,
        written: Callable[[object], object] | None = None,
        filters: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        self._environment = Environment(
            loader=PackageLoader("hashrail.pages"),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=written,
        )
        self._environment.filters.update(prose=prose.shown, printed=printed, **(filters or {}))
        self._environment.globals.update(
            asset=assets.url, mode=settings.mode, network=settings.network, version=VERSION
        )

    def render(self, name: str, facts: Mapping[str, Any]) -> bytes:
        """The page as it is sent."""
        return self._environment.get_template(name).render(facts).encode()


def printed(value: Any) -> str:
    """JSON for people, every number exact."""
    return msgspec.json.format(ENCODER.encode(value), indent=2).decode()
