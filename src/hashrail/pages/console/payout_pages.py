"""Every page, deed and form of payouts, withdrawals and deposits, with the least role of each."""

from hashrail.pages.console import deposits, paid_elsewhere, payouts, tasks, withdrawal_forms, withdrawals
from hashrail.pages.console.asking import Form
from hashrail.pages.console.visit import ROOT, Deed, View

BATCH = f"{ROOT}/batches/{{batch:int}}"
USER = f"{ROOT}/users/{{partner:int}}/{{user:int}}"
WITHDRAWAL = f"{ROOT}/withdrawals/{{partner:int}}/{{withdrawal:int}}"

VIEWS = (
    View(f"{ROOT}/payouts", "payouts", "viewer", payouts.home),
    View(f"{ROOT}/payouts/node", "node", "viewer", payouts.node),
    View(f"{ROOT}/payouts/exports/{{export:int}}", "payout_export", "support", paid_elsewhere.export),
    View(BATCH, "batch", "viewer", payouts.batch),
    View(f"{ROOT}/withdrawals.csv", "withdrawals_sheet", "support", withdrawals.sheet),
    View(f"{ROOT}/deposits", "deposits", "support", deposits.listed),
    View(f"{ROOT}/deposits.csv", "deposits_sheet", "support", deposits.sheet),
    View(f"{ROOT}/deposits/{{partner:int}}/{{deposit:int}}", "deposit", "support", deposits.one),
)
DEEDS = (Deed(f"{ROOT}/payouts/node", "look_at_node", None, tasks.look_at_node, "operator"),)
FORMS = (
    Form(f"{ROOT}/payouts/policy", "set_payout_limits", "payouts policy", payouts.ask_for_policy, payouts.set_policy),
    Form(f"{ROOT}/payouts/resume", "resume_payouts", "payouts resume", payouts.ask_to_resume, payouts.resume),
    Form(
        *(f"{ROOT}/payouts/adopt", "adopt_wallet", "payouts adopt", payouts.ask_to_adopt, payouts.adopt),
        grave=True,
    ),
    Form(f"{ROOT}/payouts/run", "run_payouts", "payouts run", payouts.ask_to_run, payouts.run, looks=False),
    Form(
        *(f"{BATCH}/bump", "raise_fee", "payouts bump", payouts.ask_to_bump, payouts.bump),
        grave=True,
        ready=payouts.plan_bump,
    ),
    Form(
        *(f"{ROOT}/payouts/export", "export_payouts", "payouts export"),
        *(paid_elsewhere.ask_to_export, paid_elsewhere.make_export),
        looks=False,
        grave=True,
    ),
    Form(
        *(f"{ROOT}/payouts/record", "record_payment", "payouts record"),
        *(paid_elsewhere.ask_to_record, paid_elsewhere.record),
        grave=True,
        ready=paid_elsewhere.look,
        then=paid_elsewhere.post,
    ),
    Form(
        *(f"{ROOT}/payouts/acknowledge", "acknowledge_spends", "payouts acknowledge"),
        *(paid_elsewhere.ask_to_acknowledge, paid_elsewhere.acknowledge),
        grave=True,
    ),
    Form(
        *(f"{WITHDRAWAL}/attest", "attest_unpaid", "payouts cancel"),
        *(paid_elsewhere.ask_to_attest, paid_elsewhere.attest),
        grave=True,
    ),
    Form(
        *(f"{USER}/withdraw", "withdraw_for_user", "withdrawal request"),
        *(withdrawal_forms.ask_to_request, withdrawal_forms.request),
    ),
    Form(
        *(f"{WITHDRAWAL}/cancel", "cancel_withdrawal", "withdrawal cancel"),
        *(withdrawal_forms.ask_to_cancel, withdrawal_forms.cancel),
        grave=True,
    ),
)
