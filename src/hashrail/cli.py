"""hashrail: the operator's command line.

Every command that touches the books takes `--data`; DATABASE_URL names another PostgreSQL.
"""

import typer

from hashrail import signature_command, ton_proof_command
from hashrail.commands import (
    access,
    books,
    day,
    operators,
    partner,
    payouts_batches,
    payouts_exports,
    payouts_node,
    payouts_policy,
    reference,
    service,
    withdrawals,
)

app = typer.Typer(
    help="Sell tokenised Bitcoin hashrate through partners. Begin with: hashrail demo",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="rich",
)
app.command("demo")(service.demo)
app.command("serve")(service.serve)
app.command("worker")(service.worker)
app.command("migrate")(service.migrate_command)
app.command("audit")(books.audit)
app.add_typer(books.explain_app, name="explain")
app.add_typer(books.account_app, name="account")
app.add_typer(partner.app, name="partner")
partner.app.command("payouts")(withdrawals.payouts)
app.add_typer(access.users_app, name="user")
app.add_typer(day.rates_app, name="rates")
app.add_typer(day.app, name="day")
app.add_typer(day.programmes, name="programme")
app.add_typer(books.catalogue_app, name="catalogue")
app.add_typer(books.order_app, name="order")
app.add_typer(withdrawals.app, name="withdrawal")
app.add_typer(payouts_node.app, name="payouts")
payouts_node.app.command("status")(payouts_batches.status)
payouts_node.app.command("batches")(payouts_batches.batches)
payouts_node.app.command("run")(payouts_batches.run_turn)
payouts_node.app.command("bump")(payouts_batches.bump)
payouts_node.app.command("reconcile")(payouts_batches.reconcile)
payouts_node.app.command("policy")(payouts_policy.policy)
payouts_node.app.command("waiting")(payouts_policy.waiting)
payouts_node.app.command("approve")(payouts_policy.approve)
payouts_node.app.command("refuse")(payouts_policy.refuse)
payouts_node.app.command("pause")(payouts_policy.pause)
payouts_node.app.command("resume")(payouts_policy.resume)
payouts_node.app.command("adopt")(payouts_policy.adopt)
payouts_node.app.command("export")(payouts_exports.export)
payouts_node.app.command("record")(payouts_exports.record)
payouts_node.app.command("acknowledge")(payouts_exports.acknowledge)
payouts_node.app.command("cancel")(payouts_exports.cancel)
app.add_typer(operators.app, name="operator")
app.add_typer(signature_command.app, name="signature")
app.add_typer(ton_proof_command.app, name="ton-proof")
app.command("reference", hidden=True)(reference.reference)

if __name__ == "__main__":
    app()
