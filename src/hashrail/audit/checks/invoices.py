"""Invariants of invoices: what was billed is what moved the receivable, and nothing is lost between two of them."""

from collections.abc import Iterable, Sequence
from datetime import UTC

from hashrail.audit.checks.changes import Changes
from hashrail.audit.checks.invariant import Invariant
from hashrail.audit.checks.scope import Key, Since, Whole, key, on, read
from hashrail.books.chart import Account
from hashrail.db import Row


async def _months(_: Changes, rows: Sequence[Row]) -> Iterable[Key]:
    """The months in which the receivable was moved."""
    receivable = Account.PARTNER_RECEIVABLE
    return [
        (row["partner_id"], row["resolved_at"].astimezone(UTC).date().replace(day=1))
        for row in rows
        if row["state"] == "posted" and receivable in (row["debit_account"], row["credit_account"])
    ]


INVARIANTS = (
    Invariant(
        "invoices-follow-one-another",
        "a partner's invoices have no gap in number or month, and each begins with what the one before carried on",
        """
        SELECT partner_id, number, month, carried_in_usd, carried_before FROM (
            SELECT partner_id, number, month, carried_in_usd,
                   coalesce(lag(carried_out_usd) OVER numbers, 0) AS carried_before,
                   coalesce(lag(number) OVER numbers, 0) AS number_before, lag(month) OVER numbers AS month_before
            FROM invoice WINDOW numbers AS (PARTITION BY partner_id ORDER BY number)) AS each
        WHERE number <> number_before + 1 OR month <> (month_before + interval '1 month')::date
           OR carried_in_usd <> carried_before""",
        scope=Whole("an invoice a partner and month"),
    ),
    Invariant(
        "invoices-equal-receivable",
        "what invoices have charged and call paid is what moved the partner's receivable until the last one's end",
        """
        WITH through AS (
            SELECT partner_id, max(month) AS month FROM invoice GROUP BY partner_id),
        moved AS (
            SELECT t.partner_id, date_trunc('month', t.resolved_at AT TIME ZONE 'UTC')::date AS month,
                   sum(sign.amount) FILTER (WHERE $1 NOT IN (t.debit_account, t.credit_account)) AS charged,
                   sum(-sign.amount) FILTER (WHERE $1 IN (t.debit_account, t.credit_account)) AS paid
            FROM {transfer} t JOIN through g ON g.partner_id = t.partner_id
            CROSS JOIN LATERAL (
                SELECT CASE WHEN t.debit_account = $2 THEN t.amount ELSE -t.amount END AS amount) AS sign
            WHERE (t.debit_account = $2 OR t.credit_account = $2) AND t.state = 'posted'
              AND t.resolved_at < ((g.month + interval '1 month')::timestamp AT TIME ZONE 'UTC')
            GROUP BY t.partner_id, 2)
        SELECT partner_id, month, i.charged_usd, m.charged, i.paid_usd, m.paid
        FROM {invoice} i FULL JOIN moved m USING (partner_id, month)
        WHERE i.number IS NULL OR i.charged_usd <> coalesce(m.charged, 0) OR i.paid_usd <> coalesce(m.paid, 0)""",
        (Account.CASH, Account.PARTNER_RECEIVABLE),
        scope=Since(
            ("partner_id", "month"),
            {"invoice": key("partner_id", "month"), "transfer": _months},
            {
                "invoice": on("invoice", partner_id="partner_id", month="month"),
                "transfer": f"""(SELECT {read("transfer")} FROM {{keys}} JOIN transfer t ON t.partner_id = k.partner_id
                    AND t.resolved_at >= k.month::timestamp AT TIME ZONE 'UTC'
                    AND t.resolved_at < (k.month + interval '1 month')::timestamp AT TIME ZONE 'UTC'
                    AND t.state = 'posted' AND (t.debit_account = $2 OR t.credit_account = $2)
                    JOIN (SELECT partner_id, max(month) AS month FROM invoice GROUP BY partner_id) AS billed
                      ON billed.partner_id = k.partner_id AND k.month <= billed.month)""",  # noqa: S608
            },
        ),
    ),
)
