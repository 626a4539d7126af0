"""The partner's statement over the wire: in pages and as a file, what it owes to the last digit."""

import csv
import io
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from hashrail import business_clock, clock, texts
from hashrail.selling import statement_files
from hashrail.selling.statement_files import COLUMNS
from tests.support.api_client import Api, an_offer, answered, check_refused
from tests.support.books import notify, order, pay, receivable
from tests.support.upgrades import efficiency, post_payments, power

# The business clock of a test deployment begins here.
MARCH = {"startDate": "2026-03-01T00:00:00.000Z", "endDate": "2026-03-31T00:00:00.000Z"}


async def sheet(api: Api, **fields: object) -> list[list[str]]:
    """The statement as a spreadsheet reads it."""
    response = await api.server.call("s2s_statement_csv", **MARCH | fields)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(response.content.decode(), newline="")))


async def statement(api: Api, **fields: object) -> Any:
    return answered(await api.server.call("s2s_statement", **MARCH | fields))


async def owing(api: Api, miner_id: int) -> None:
    """A prepayment, after the order; then an upgrade, an order that is open, and two payments of one moment."""
    await pay(api.world, "1000.5", "SEPA 1")
    answered(await api.server.call("s2s_upgrade", **efficiency(miner_id, 15, 14)))
    user = await api.world.user()
    await order(api.world, user.id, "open", (await an_offer(api.world, "1")).id)
    for number in range(3):
        await pay(api.world, "0.000000000000000001", f"SEPA {number + 2}")


async def test_the_statement(api: Api, miner_id: int) -> None:
    await owing(api, miner_id)
    found = await statement(api)
    assert list(found) == ["array", "openingUsd", "closingUsd", "owedUsd", "reservedUsd", "creditLimitUsd"]
    assert list(found["array"][0]) == ["date", "type", "reference", "nftId", "amountUsd", "balanceUsd"]
    tiny = Decimal("0.000000000000000001")
    owed = Decimal("216.99") - Decimal("1000.5") + Decimal("42.672")
    assert [(one["type"], one["nftId"], one["amountUsd"], one["balanceUsd"]) for one in found["array"]] == [
        ("order", miner_id, Decimal("216.99"), Decimal("216.99")),
        ("payment", None, Decimal("-1000.5"), Decimal("-783.51")),
        ("upgrade", miner_id, Decimal("42.672"), owed),
        *(("payment", None, -tiny, owed - number * tiny) for number in (1, 2, 3)),
    ]
    assert [one["reference"] for one in found["array"][3:]] == ["SEPA 2", "SEPA 3", "SEPA 4"]
    assert found["array"][2]["reference"] == (await post_payments(api))["array"][0]["id"]
    assert (found["openingUsd"], found["closingUsd"]) == (0, owed - 3 * tiny)
    assert (found["owedUsd"], found["reservedUsd"]) == (owed - 3 * tiny, Decimal("14.99"))
    assert found["creditLimitUsd"] == 100_000
    assert (await receivable(api.world)) == (found["owedUsd"], found["reservedUsd"])


async def test_pages_spreadsheet_and_ledger_agree(api: Api, miner_id: int) -> None:
    await owing(api, miner_id)
    paged, fields = [], dict[str, object](limit=2)
    while True:
        page = await statement(api, **fields)
        paged += page["array"]
        if "nextCursor" not in page:
            break
        fields["cursor"] = page["nextCursor"]
    assert paged == (await statement(api))["array"]
    head, *rows = await sheet(api)
    assert head == list(COLUMNS) == ["date", "type", "reference", "nftId", "amountUsd", "balanceUsd"]
    shown = [
        [one["date"], one["type"], one["reference"], "" if one["nftId"] is None else str(one["nftId"])]
        + [f"{one[name].normalize():f}" for name in ("amountUsd", "balanceUsd")]
        for one in paged
    ]
    assert rows == shown
    assert Decimal(rows[-1][-1]) == (await receivable(api.world))[0]
    assert rows[3][4] == "-0.000000000000000001"


async def test_ranges_of_days(deployment: Api, api: Api, miner_id: int) -> None:
    """Both days are in it, whatever the hour that is sent; what was before is the opening balance."""
    today = clock.day_of(await business_clock.now(api.world.pool))

    def days(first: int, last: int) -> dict[str, object]:
        return {
            "startDate": f"{today + first * clock.ONE_DAY}T23:59:59Z",
            "endDate": f"{today + last * clock.ONE_DAY}T00:00:00Z",
        }

    found = await statement(api, **days(0, 0))
    assert [one["amountUsd"] for one in found["array"]] == [found["closingUsd"]] == [Decimal("216.99")]
    found = await statement(api, **days(1, 3))
    assert (found["array"], found["openingUsd"], found["closingUsd"]) == ([], Decimal("216.99"), Decimal("216.99"))
    found = await statement(api, **days(-3, -1))
    assert (found["array"], found["openingUsd"], found["closingUsd"]) == ([], 0, 0)
    assert found["owedUsd"] == Decimal("216.99")
    assert await sheet(api, **days(1, 3)) == [list(COLUMNS)]


@pytest.mark.parametrize("operation", ["s2s_statement", "s2s_statement_csv"])
@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"startDate": "2026-03-01"}, "DATE_WITHOUT_TIME_ZONE", "startDate"),
        ({"endDate": "yesterday"}, "BAD_DATE", "endDate"),
        ({"startDate": ""}, "FIELD_OUT_OF_BOUNDS", "startDate"),
        ({"endDate": "2026-02-28T23:59:59.999Z"}, "RANGE_BACKWARDS", "endDate"),
        ({"endDate": "2027-03-02T00:00:00Z"}, "RANGE_TOO_LONG", "endDate"),
    ],
)
async def test_days_that_there_are_not(
    deployment: Api, operation: str, changes: dict[str, str], code: str, field: str
) -> None:
    check_refused(await deployment.server.call(operation, **MARCH | changes), 400, code, field)
    fields: dict[str, object] = {**MARCH}
    del fields[field]
    check_refused(await deployment.server.call(operation, **fields), 400, "FIELD_MISSING", field)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("0001-01-01T00:00:00Z", "0001-12-31T00:00:00Z"),
        ("9999-12-31T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
        ("2026-03-01T00:00:00Z", "2027-03-01T00:00:00Z"),
    ],
)
async def test_the_ends_of_the_calendar(api: Api, miner_id: int, first: str, last: str) -> None:
    found = await statement(api, startDate=first, endDate=last)
    assert found["closingUsd"] == (0 if first.startswith("0001") else Decimal("216.99"))
    assert len(found["array"]) == (1 if first.startswith("2026") else 0)
    assert len(await sheet(api, startDate=first, endDate=last)) == 1 + len(found["array"])


async def test_a_position_of_another_operation(api: Api, miner_id: int) -> None:
    answered(await api.server.call("s2s_upgrade", **power(miner_id, 16, 17)))
    answered(await api.server.call("s2s_upgrade", **power(miner_id, 17, 18)))
    cursor = (await post_payments(api, limit=1))["nextCursor"]
    response = await api.server.call("s2s_statement", **MARCH, cursor=cursor)
    check_refused(response, 400, "CURSOR_INVALID", "cursor")
    cursor = (await statement(api, limit=1))["nextCursor"]
    check_refused(await api.server.call("s2s_post_payments", cursor=cursor), 400, "CURSOR_INVALID", "cursor")


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("x";"y")', " =1", "'=1", "\uff1d1"]
# Some spreadsheets begin a cell at a semicolon, whatever stands around it; and a line stays a line.
WRITTEN = {"a;=1": "a;'=1", "b; +2;-3": "b;' +2;'-3", "\t=1": "\\t=1", 'x, "y"\r\nz': 'x, "y"\\r\\nz', "\\": "\\\\"}
HARMLESS = ["a=b", "1-2", 'x, "y"', "\u00fc\u20ac", "0", "[b]"]


async def test_a_reference_is_no_formula(api: Api) -> None:
    """What a spreadsheet would reckon gets an apostrophe, what does not print is written out; it can be read again."""
    user = await api.world.user()
    offer = await an_offer(api.world, "1")
    for name in (*FORMULAS, *HARMLESS, *WRITTEN):
        await order(api.world, user.id, name, offer.id)
        await notify(api.world, user.id, name)
    await pay(api.world, "1", "=PAID()")
    references = [row[2] for row in (await sheet(api))[1:]]
    assert references == [*(f"'{name}" for name in FORMULAS), *HARMLESS, *WRITTEN.values(), "'=PAID()"]
    array = (await statement(api))["array"]
    sent = [*FORMULAS, *HARMLESS, *WRITTEN, "=PAID()"]
    assert [one["reference"] for one in array] == sent == [texts.read_cell(each) for each in references]


async def test_statements_are_the_partner_s_own(api: Api, miner_id: int) -> None:
    other = await api.another_partner()
    await pay(other.world, "7", "SEPA 1")
    assert [one["amountUsd"] for one in (await statement(other))["array"]] == [-7]
    assert [row[4] for row in (await sheet(other))[1:]] == ["-7"]
    assert [one["nftId"] for one in (await statement(api))["array"]] == [miner_id]
    assert await post_payments(other) == {"array": []}


async def test_the_statement_is_signed(api: Api) -> None:
    """With the secret of the key, as every read of a partner's money."""
    thief = replace(api.server, secret="of somebody else")
    for operation in ("s2s_statement", "s2s_statement_csv"):
        check_refused(await thief.call(operation, **MARCH), 401, "SIGNATURE_MISMATCH")


async def test_a_file_has_so_many_lines(api: Api, miner_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order that made the miner and one upgrade: two lines are as many as fit, and then too many."""
    answered(await api.server.call("s2s_upgrade", **power(miner_id, 16, 17)))
    monkeypatch.setattr(statement_files, "MAX_LINES", 2)
    assert len((await api.server.call("s2s_statement_csv", **MARCH)).text.splitlines()) == 3
    monkeypatch.setattr(statement_files, "MAX_LINES", 1)
    refused = await api.server.call("s2s_statement_csv", **MARCH)
    check_refused(refused, 400, "STATEMENT_TOO_LONG", "endDate")
    assert len(answered(await api.server.call("s2s_statement", **MARCH))["array"]) == 2
