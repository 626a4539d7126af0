"""An invoice as a page that prints well: one file, which asks nothing of any other place.

Texts of strangers are shown as everywhere (`texts`), and nothing in them is markup.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape

from hashrail import clock, texts
from hashrail.accounting import words
from hashrail.accounting.invoices import Invoice
from hashrail.books.chart import TransferKind
from hashrail.money import plain
from hashrail.parties.partners import Partner
from hashrail.selling.statements import Line

STYLE = """
    @page { size: A4; margin: 18mm 16mm; }
    body { font: 10pt/1.45 system-ui, sans-serif; color: #111; max-width: 180mm; margin: 2em auto; padding: 0 1em; }
    h1 { font-size: 18pt; margin: 0 0 .2em; }
    .who { display: flex; justify-content: space-between; gap: 2em; margin: 1.5em 0; }
    .who p { white-space: pre-line; margin: 0; }
    table { width: 100%; border-collapse: collapse; margin: 1em 0; }
    th, td { text-align: left; padding: .25em .5em; border-bottom: 1px solid #ccc; vertical-align: top;
             overflow-wrap: anywhere; }
    .usd { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
    thead { display: table-header-group; }
    tr { break-inside: avoid; }
    .total td { font-weight: bold; border-top: 2px solid #111; border-bottom: 0; }
    @media print { body { margin: 0; padding: 0; max-width: none; } }
"""


def page(invoice: Invoice, partner: Partner, lines: Sequence[Line], issuer: str) -> str:
    """The whole file; `issuer` is who bills, a line each for name and address, or nothing."""
    title = f"Invoice {invoice.name}"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        # Whatever a browser thinks of a text here, it fetches nothing and runs nothing.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{_text(title)}</title><style>{STYLE}</style></head><body>",
        f"<h1>{_text(title)}</h1>",
        f"<p>For {invoice.month:%Y-%m} (UTC), issued {clock.iso(invoice.issued_at)[:10]}. All amounts in USD.</p>",
        f'<div class="who"><p>{_lines(issuer)}</p><p>{_text(partner.name)}\n{_text(partner.public_id)}</p></div>',
        _table(("", "USD"), _sums(invoice), total=3),
        "<h2>Your account</h2>",
        _table(("", "USD"), _account(invoice), total=3),
        "<h2>Lines</h2>",
        _table(("day", "what", "reference", "miner", "USD"), map(_line, lines)),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def cents(amount_usd: Decimal) -> str:
    """An amount of whole cents, with both of them."""
    return f"{amount_usd.quantize(Decimal('0.01')):f}"


def _sums(invoice: Invoice) -> list[tuple[str, ...]]:
    return [
        ("Carried from the invoice before", plain(invoice.carried_in_usd)),
        ("Charged in the month", plain(invoice.charged_usd)),
        ("Below a cent, carried to the next invoice", plain(-invoice.carried_out_usd)),
        ("Amount of this invoice", cents(invoice.amount_usd)),
    ]


def _account(invoice: Invoice) -> list[tuple[str, ...]]:
    return [
        ("Owed at the beginning of the month", plain(invoice.owed_before_usd)),
        ("Charged in the month", plain(invoice.charged_usd)),
        ("Paid in the month", plain(-invoice.paid_usd)),
        ("Owed at the end, what is carried to the next invoice included", plain(invoice.owed_after_usd)),
    ]


def _line(line: Line) -> tuple[str, ...]:
    miner = "" if line.miner_id is None else str(line.miner_id)
    what = words.KINDS[TransferKind(line.kind)]
    return clock.iso(line.at)[:10], what, line.reference, miner, plain(line.amount_usd)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, total: int | None = None) -> str:
    """A table whose last column is an amount; the row of number `total` is its sum."""
    head = "".join(f"<th{_side(columns, place)}>{_text(name)}</th>" for place, name in enumerate(columns))
    body = "\n".join(
        _row(number == total)
        + "".join(f"<td{_side(columns, place)}>{_text(cell)}</td>" for place, cell in enumerate(row))
        + "</tr>"
        for number, row in enumerate(rows)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"


def _row(is_total: bool) -> str:
    return '<tr class="total">' if is_total else "<tr>"


def _side(columns: Sequence[str], place: int) -> str:
    return ' class="usd"' if place == len(columns) - 1 else ""


def _lines(text: str) -> str:
    return escape(texts.shown_lines(text))


def _text(text: str) -> str:
    return escape(texts.shown(text))
