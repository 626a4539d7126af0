"""What the search of the reference finds: operations, fields, error codes, and the headings of guides."""

from collections import defaultdict
from collections.abc import Iterator
from typing import TypedDict

from hashrail.api.serving.call import ENCODER
from hashrail.pages.reference import guides, prose
from hashrail.pages.reference.book import ERRORS_PATH, PATH, SIGNATURE_PATH, Book


class Entry(TypedDict):
    """One thing to find: what it is, what it is called, where it is read, and words that it is found by."""

    kind: str
    title: str
    name: str
    url: str
    text: str


def rendered(book: Book) -> bytes:
    """The index as JSON."""
    return ENCODER.encode([*_chapters(), *_operations(book), *_errors(book), *_fields(book), *_headings()])


def _chapters() -> Iterator[Entry]:
    yield Entry(kind="page", title="Your first call", name="", url=PATH, text="start key curl sandbox SDK")
    yield Entry(kind="page", title="Signatures", name="", url=SIGNATURE_PATH, text="HMAC sign timestamp recvWindow")
    yield Entry(kind="page", title="Errors", name="", url=ERRORS_PATH, text="codes catalogue refusals")


def _operations(book: Book) -> Iterator[Entry]:
    for section in book.sections.values():
        number = "" if section.number is None else f"#{section.number} {section.number}"
        taken = " ".join(field.name for field in section.taken)
        text = f"{number} {section.method} {section.path} {section.tag} {section.caller} {taken}"
        yield Entry(kind="operation", title=section.title, name=section.name, url=section.url, text=text)


def _errors(book: Book) -> Iterator[Entry]:
    for refusal in book.refusals.values():
        facts = book.document["x-hashrail-errors"][refusal.code]
        cause = prose.plain(facts["cause"])
        yield Entry(kind="error", title=cause, name=refusal.code, url=f"{ERRORS_PATH}#{refusal.code}", text="")


def _fields(book: Book) -> Iterator[Entry]:
    """A field by name, at the operations that take or give it: the first of them is where it leads."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for section in book.sections.values():
        for side, rows in (("in", section.taken), ("out", section.given)):
            for field in rows:
                found[field.name].append((section.name, f"{section.url}#{side}.{field.path}"))
    for name, places in found.items():
        operations = list(dict.fromkeys(operation for operation, _ in places))
        shown = ", ".join(operations[:3]) + (f" and {len(operations) - 3} more" if len(operations) > 3 else "")
        yield Entry(kind="field", title=f"in {shown}", name=name, url=places[0][1], text="")


def _headings() -> Iterator[Entry]:
    for guide in guides.by_name().values():
        yield Entry(kind="guide", title=guide.title, name="", url=guide.url, text="")
        # Tables of the reference are found by what they describe.
        if not guide.name.startswith("reference/"):
            for level, words in prose.headings(guide.text):
                if level > 1:
                    url = f"{guide.url}#{prose.slug(words)}"
                    yield Entry(kind="guide", title=words, name="", url=url, text=guide.title)
