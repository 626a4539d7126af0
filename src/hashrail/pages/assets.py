"""What pages load from here: scripts and styles, bundled by `build.mjs` under names that hold a hash of their content.

A name with a hash never means anything else, so browsers keep it for a year; a new build is a new name.
"""

import json
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from hashrail.errors import UnavailableError

PATH = "/assets"
BUILT = "built"
MANIFEST = "manifest.json"
CACHE = "public, max-age=31536000, immutable"
MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css"}


class PagesNotBuiltError(UnavailableError):
    """The scripts and styles of the pages are not there: this is a checkout in which nobody built them."""

    code = "PAGES_NOT_BUILT"
    advice = "Build them: make pages. Or serve the API alone: HASHRAIL_PAGES=false."


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that is served as it is."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Assets:
    """The bundles of this build, by the name before the hash, like `page.css`."""

    by_name: dict[str, Asset]

    @classmethod
    def built(cls, folder: Traversable | None = None) -> "Assets":
        """Those that came with this program. Raises PagesNotBuiltError."""
        place = files("hashrail.pages") / BUILT if folder is None else folder
        try:
            names: dict[str, str] = json.loads((place / MANIFEST).read_text())
        except FileNotFoundError as error:
            raise PagesNotBuiltError(f"{place} has no {MANIFEST}") from error
        return cls(
            {
                name: Asset(hashed, MEDIA_TYPES[hashed[hashed.rindex(".") :]], (place / hashed).read_bytes())
                for name, hashed in names.items()
            }
        )

    def url(self, name: str) -> str:
        """Where a page loads a bundle from. Raises KeyError where the build has none of that name."""
        return f"{PATH}/{self.by_name[name].name}"
