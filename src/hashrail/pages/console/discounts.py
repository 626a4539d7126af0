"""Discounts on maintenance: levels, the cap, programmes with their fractions, and who takes part.

They are the acts of `hashrail programme`.
"""

from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby

from hashrail import business_clock, clock
from hashrail.acts import discounts as acts
from hashrail.acts.acting import Acting
from hashrail.acts.discounts import Joining
from hashrail.db import Tx
from hashrail.errors import ConflictError
from hashrail.money import plain
from hashrail.pages.console.asking import Asked, Done
from hashrail.pages.console.partners import numbered
from hashrail.pages.console.visit import Shown, Visit, link
from hashrail.pages.forms import Field, FieldNotReadError, Values
from hashrail.parties import partners
from hashrail.rewards import discounts, rates

# So many users join in one go; more would keep others waiting meanwhile.
AT_ONCE = 500


class ManyUsersError(ConflictError):
    """The partner has more users than can join a programme, or leave it, in one go."""

    code = "PROGRAMME_MANY_USERS"
    advice = "Run hashrail programme join NAME --partner PARTNER, which takes them one by one."


async def listed(tx: Tx, _: Visit) -> Shown:
    """Levels, cap and programmes."""
    today = clock.day_of(await business_clock.now(tx))
    programmes = [
        (name, [each for each in fractions if each.from_day is not None])
        for name, fractions in groupby(await discounts.programmes(tx), key=lambda each: each.name)
    ]
    return Shown(
        {
            "levels": sorted((await discounts.levels(tx)).items()),
            "cap": await rates.discount_cap(tx),
            "programmes": programmes,
            "followed": await discounts.followed(tx),
            "today": today,
        }
    )


async def ask_levels(tx: Tx, _: Visit) -> Asked:
    """What users get off by their TH."""
    present = sorted((await discounts.levels(tx)).items())
    lines = [f"{plain(from_th)}:{plain(fraction)}" for from_th, fraction in present]
    how = "One a line: from how many TH, and which fraction, like 5:0.003."
    fields = (Field("levels", "Levels", "lines", lines, help=how),)
    told = [
        "They replace the ones that are there; each user's level follows at their next change.",
        "More than half off takes two admins.",
    ]
    return Asked("Levels by a user's TH", "Set the levels", link("/discounts"), fields, told)


async def set_levels(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Set them."""
    await acts.set_levels(tx, act, dict(map(_level, values["levels"])), confirm=visit.confirmed)
    return Done(link("/discounts", done="changed"))


async def ask_cap(tx: Tx, _: Visit) -> Asked:
    """The most that discounts add up to."""
    cap = await rates.discount_cap(tx)
    fields = (Field("cap", "At most", "amount", cap, help="A fraction: 0.35 is 35 percent."),)
    told = [
        "Levels and programmes add up to at most that, on days published from now on.",
        "More than half takes two admins.",
    ]
    return Asked("The most that discounts add up to", "Set it", link("/discounts"), fields, told)


async def set_cap(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Set it."""
    await acts.set_cap(tx, act, values["cap"], confirm=visit.confirmed)
    return Done(link("/discounts", done="changed"))


async def ask_to_create(_: Tx, __: Visit) -> Asked:
    """Open a programme."""
    told = ["It gives nothing until a fraction is set, and only to users who take part."]
    fields = (Field("name", "Name"),)
    return Asked("Open a discount programme", "Open the programme", link("/discounts"), fields, told)


async def create(tx: Tx, act: Acting, _: Visit, values: Values) -> Done:
    """Open it."""
    await acts.create_programme(tx, act, values["name"])
    return Done(link("/discounts", done="created") + "#programmes")


async def ask_fraction(tx: Tx, _: Visit) -> Asked:
    """What a programme gives from a day on."""
    tomorrow = clock.day_of(await business_clock.now(tx)) + clock.ONE_DAY
    fields = (
        await _programme_field(tx),
        Field("fraction", "What it takes off", "amount", help="A fraction: 0.05 is five percent of maintenance."),
        Field("from_day", "The first mining day that it counts for", "day", tomorrow),
    )
    told = ["It counts until the next fraction of the programme. More than half takes two admins."]
    return Asked("What a programme gives", "Set the fraction", link("/discounts"), fields, told)


async def set_fraction(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Set it."""
    await acts.set_fraction(
        tx,
        act,
        values["programme"],
        from_day=values["from_day"],
        fraction=values["fraction"],
        confirm=visit.confirmed,
    )
    return Done(link("/discounts", done="changed") + "#programmes")


async def ask_to_join(tx: Tx, _: Visit) -> Asked:
    """Let users take part."""
    known = [(str(each.id), each.name) for each in await partners.every(tx)]
    fields = (
        await _programme_field(tx),
        Field("partner", "Partner", "choice", choices=known),
        Field(
            "user",
            "One user, by the partner's own id",
            help="Empty is everybody, and who registers later.",
            needed=False,
        ),
        Field("member", "They", "choice", "join", choices=(("join", "take part"), ("leave", "leave"))),
    )
    told = ["It counts from the next UTC day."]
    return Asked("Who takes part in a programme", "Let it count", link("/discounts"), fields, told)


async def join(tx: Tx, act: Acting, _: Visit, values: Values) -> Done:
    """Let them. Raises ManyUsersError."""
    partner = await numbered(tx, int(values["partner"]))
    meant = Joining(partner.id, values["programme"], values["user"], member=values["member"] == "join")
    found = await acts.begin_joining(tx, act, meant)
    if len(found) > AT_ONCE:
        raise ManyUsersError(f"{partner.name} has {len(found)} users", field="user")
    act.told.append(f"{len(found)} users {'take part' if meant.member else 'leave'}.")
    if not act.tries:
        for user_id in found:
            await acts.join_one(tx, meant, user_id)
    return Done(link("/discounts", done="changed") + "#programmes")


async def _programme_field(tx: Tx) -> Field:
    names = list(dict.fromkeys(each.name for each in await discounts.programmes(tx)))
    return Field("programme", "Programme", "choice", choices=_alike(names))


def _alike(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, name) for name in names]


def _level(line: str) -> tuple[Decimal, Decimal]:
    """A level as one types it. Raises FieldNotReadError."""
    from_th, _, fraction = line.partition(":")
    try:
        return Decimal(from_th.strip()), Decimal(fraction.strip())
    except ArithmeticError as error:
        raise FieldNotReadError(f"{line} is no level", field="levels") from error
