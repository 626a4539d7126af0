"""The reference's sections, written from the OpenAPI document: one an operation, in the order in which they are read.

Within a noun the partner's server comes first, and each caller's operations go by the contract's numbers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
from markupsafe import Markup

from hashrail.api.document import openapi
from hashrail.api.serving.call import ENCODER
from hashrail.api.serving.operation import JSON
from hashrail.pages.reference import fields, guides, prose, samples
from hashrail.pages.reference.fields import Field
from hashrail.settings import Settings

PATH = "/api/docs"
ERRORS_PATH = f"{PATH}/errors"
EVENTS_PATH = f"{PATH}/guides/reference/events"
SIGNATURE_PATH = f"{PATH}/signature"
SERVER, CLIENT, ANYBODY = "server", "client", "anybody"
CALLERS = {"signed": SERVER, "key": SERVER, "bearer": CLIENT, "anybody": ANYBODY}
# Whatever its number, this noun comes first.
FIRST = "Login"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error code."""

    code: str
    status: int
    cause: Markup
    advice: Markup


@dataclass(frozen=True)
class Section:
    """One operation."""

    document: Any
    described: Any
    method: str
    path: str

    @property
    def name(self) -> str:
        """The operation's id."""
        found: str = self.described["operationId"]
        return found

    @property
    def title(self) -> str:
        """What it is for, in a sentence."""
        found: str = prose.plain(self.described["summary"])
        return found

    @property
    def url(self) -> str:
        """Where it is read."""
        return f"{PATH}/{self.name}"

    @property
    def number(self) -> int | None:
        """The contract's."""
        found: int | None = self.described.get("x-contract-number")
        return found

    @property
    def tag(self) -> str:
        """Its noun."""
        found: str = self.described["tags"][0]
        return found

    @property
    def caller(self) -> str:
        """`server`, `client` or `anybody`."""
        return CALLERS[samples.caller(self.described)]

    @property
    def is_signed(self) -> bool:
        """Whether it asks for a signature."""
        return samples.caller(self.described) == "signed"

    @property
    def writes(self) -> bool:
        """Whether it changes something: what can be sent twice under one name, and what opens or ends a session."""
        parameters = self.described.get("parameters", [])
        is_named = any(part["name"] == "Idempotency-Key" for part in parameters)
        return self.method == "POST" and (is_named or self.tag == FIRST)

    @cached_property
    def story(self) -> Markup:
        """What it is for, who calls, and how often; the first sentence is the title."""
        text: str = self.described["description"]
        return prose.shown(text.removeprefix(f"{self.described['summary']}.").strip() or text)

    @cached_property
    def taken(self) -> list[Field]:
        """What the request takes, beside the fields of a signature."""
        return fields.request(self.document, self.described)

    @cached_property
    def given(self) -> list[Field]:
        """What the answer gives."""
        return fields.of_schema(self.document, self._answer.get("schema", {})) if self.media_type == JSON else []

    @property
    def media_type(self) -> str:
        """Of the answer."""
        (found,) = self.described["responses"]["200"]["content"]
        return str(found)

    @cached_property
    def example(self) -> str | None:
        """A recorded answer, every number as it was sent."""
        if "example" not in self._answer:
            return None
        found = self._answer["example"]
        return found if isinstance(found, str) else msgspec.json.format(ENCODER.encode(found), indent=2).decode()

    @cached_property
    def request(self) -> samples.Request:
        """The example's request."""
        return samples.of_operation(self.described, self.method, self.path)

    @cached_property
    def refusals(self) -> list[str]:
        """Codes of its own."""
        found: list[str] = self.described["x-hashrail-refuses"]
        return found

    @cached_property
    def other_refusals(self) -> list[str]:
        """Codes that any such request may be refused with."""
        refused = [response for status, response in self.described["responses"].items() if status >= "400"]
        codes = [
            code
            for response in refused
            for code in fields.resolved(self.document, response)["content"][JSON]["schema"]["properties"]["error"][
                "enum"
            ]
        ]
        return [code for code in dict.fromkeys(codes) if code not in self.refusals]

    @property
    def _answer(self) -> Any:
        return self.described["responses"]["200"]["content"][self.media_type]


@dataclass(frozen=True)
class Book:
    """The whole reference of a deployment."""

    document: Any

    @classmethod
    def of(cls, settings: Settings) -> "Book":
        """The reference of a deployment with these settings."""
        return cls(openapi.document(settings))

    @cached_property
    def chapters(self) -> list[tuple[str, str, list[Section]]]:
        """(noun, what it is, its sections)."""
        found = [
            Section(self.document, described, method.upper(), path)
            for path, methods in self.document["paths"].items()
            for method, described in methods.items()
        ]
        after_all = len(found)
        numbers = {
            tag: min(section.number or after_all for section in found if section.tag == tag)
            for tag in dict.fromkeys(section.tag for section in found)
        }
        words = {tag["name"]: tag["description"] for tag in self.document["tags"]}
        order = sorted(numbers, key=lambda tag: (tag != FIRST, numbers[tag]))
        return [
            (
                tag,
                words[tag],
                sorted(
                    (section for section in found if section.tag == tag),
                    key=lambda section: (section.caller != SERVER, section.number or after_all),
                ),
            )
            for tag in order
        ]

    @cached_property
    def sections(self) -> dict[str, Section]:
        """All sections by the names of their operations, in order."""
        return {section.name: section for _, _, sections in self.chapters for section in sections}

    @cached_property
    def refusals(self) -> dict[str, Refusal]:
        """The error catalogue."""
        return {
            code: Refusal(code, facts["status"], prose.inline(facts["cause"]), prose.inline(facts["advice"]))
            for code, facts in self.document["x-hashrail-errors"].items()
        }

    def refused(self, codes: Iterable[str]) -> list[Refusal]:
        """The rows of some codes."""
        return [self.refusals[code] for code in codes]

    @cached_property
    def order(self) -> list[tuple[str, str]]:
        """(address, title) of every page, as somebody turns them."""
        return [
            (PATH, "Your first call"),
            (SIGNATURE_PATH, "Signatures"),
            *((section.url, section.title) for section in self.sections.values()),
            (ERRORS_PATH, "Errors"),
            *((guide.url, guide.title) for guide in guides.by_name().values()),
        ]

    def beside(self, url: str) -> dict[str, tuple[str, str] | None]:
        """The pages before and after one, for `previous` and `next`."""
        at = [address for address, _ in self.order].index(url)
        return {
            "previous": self.order[at - 1] if at > 0 else None,
            "next": self.order[at + 1] if at + 1 < len(self.order) else None,
        }
