"""The OpenAPI document as it is served; the page that shows it to people is one of `hashrail.pages`."""

import hashlib
from dataclasses import dataclass

from hashrail.api.document import openapi
from hashrail.api.serving.operation import JSON
from hashrail.settings import Settings

PATH = "/api/openapi.json"


@dataclass(frozen=True, slots=True)
class Kept:
    """Something that is served as it is, for as long as the process lives."""

    body: bytes
    media_type: str

    @property
    def headers(self) -> dict[str, str]:
        """What is sent with it: a tag by which a client knows that it has this already."""
        return {
            "etag": f'"{hashlib.sha256(self.body).hexdigest()[:32]}"',
            "cache-control": "no-cache",
            "x-content-type-options": "nosniff",
            # The document is nobody's secret, and tools of other origins read it.
            "access-control-allow-origin": "*",
        }


def document(settings: Settings) -> Kept:
    """The document of a deployment with these settings."""
    return Kept(openapi.rendered(settings), JSON)
