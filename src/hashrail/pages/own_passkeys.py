"""The passkeys of somebody's own account, at console and portal alike: what its page shows, and what its forms send."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hashrail import texts
from hashrail.pages import forms
from hashrail.pages.signing import Half
from hashrail.pages.visiting import BaseVisit
from hashrail.parties import passkeys, sent_forms
from hashrail.parties.passkeys import Made, Passkey


@dataclass(frozen=True, slots=True)
class Sent:
    """A passkey that the browser has made: its name, the host that it is for, and the word of its form."""

    made: Made
    name: str
    host: str
    once: str


def shown(visit: BaseVisit, found: Sequence[Passkey], *, account: str, owner: str) -> dict[str, Any]:
    """What the page of one's own account shows of passkeys, and what the browser is asked to make one by.

    `account` is the name at the sign-in; `owner` tells the account apart for as long as it lives.
    """
    once, site = sent_forms.new_word(), visit.came.site
    asked, known = passkeys.challenge(visit.token, once), [each.credential for each in found]
    return {
        "passkeys": found,
        "once": once,
        "is_named": passkeys.is_named(site),
        "to_make": passkeys.to_make(site, account, owner.encode(), asked, known),
    }


def sent(visit: BaseVisit) -> Sent:
    """The passkey that was made for the page that asked. Raises FieldEmptyError, PasskeyError."""
    name, once = texts.shown(visit.given("name"), passkeys.MAX_NAME), visit.given("once")
    site, asked = visit.came.site, passkeys.challenge(visit.token, once)
    made = passkeys.made(visit.given("credential"), site=site, asked=asked)
    return Sent(made, name, passkeys.host_of(site), once)


def number(visit: BaseVisit) -> int:
    """Which one is to be removed. Raises FieldEmptyError, FieldNotANumberError."""
    return forms.number("passkey", visit.given("passkey"))


def half(account: str, found: Sequence[Passkey], *, has_generator: bool, token: str, site: str) -> Half | None:
    """What is asked of somebody whose password was right, and whose account is guarded; None where it is not yet."""
    if not found and not has_generator:
        return None
    here = [each.credential for each in found if each.host == passkeys.host_of(site)]
    asked = passkeys.to_use(site, passkeys.challenge(token, passkeys.SIGN_IN), here) if here else None
    return Half(account, None, asked, takes_codes=has_generator)
