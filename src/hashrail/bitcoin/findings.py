"""What speaks against paying, or wants an operator's eye."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason not to pay through this node: a stable code, and the figures.

    One that does not stop is told as well, and nobody waits for it. One that concerns a single withdrawal, batch or
    address says which, as "withdrawal 1:12".
    """

    code: str
    message: str
    stops: bool = True
    about: str | None = None
