"""Words and numbers that the program and the database both know: columns of text that hold one of a few words."""

from collections.abc import Iterable
from typing import get_args

from hashrail import settings
from hashrail.access import api_keys, scopes
from hashrail.accounting import pool_receipts
from hashrail.alarms import messages
from hashrail.bitcoin import public_descriptors, simulated_blocks, simulated_chain
from hashrail.books import fence
from hashrail.books.chart import CURRENCY_OF, USER_CURRENCIES, Account, TransferKind, TransferState
from hashrail.custody import deposits, withdrawals
from hashrail.deployment import facts
from hashrail.events import deliveries, endpoints
from hashrail.exports import columns, export, kinds
from hashrail.parties import (
    alone,
    browser_sessions,
    changes,
    invitations,
    member_changes,
    member_tasks,
    members,
    operators,
    people,
    sign_in_attempts,
    tasks,
)
from hashrail.payouts import batches
from hashrail.rewards import day_sources, tariffs
from hashrail.sandbox import scenarios
from hashrail.selling import orders, upgrades

# What a withdrawal shows of the batch that pays it; its own row says `signed` then.
OF_THE_BATCH = {"broadcast", "confirmed"}
# By column, the list in the program.
CLOSED: dict[str, Iterable[str]] = {
    "account.currency": {*USER_CURRENCIES, *CURRENCY_OF.values()},
    "account.kind": ["user", *(account.name.lower() for account in Account)],
    "alone_limit.currency": {currency for _, currency in alone.ADDED_UP},
    "alone_limit.kind": list(alone.Kind),
    "alarm.severity": get_args(settings.Severity),
    "alarm.told_severity": get_args(settings.Severity),
    "alarm_message.severity": get_args(settings.Severity),
    "alarm_message.what": get_args(messages.What),
    "balance_correction.currency": USER_CURRENCIES,
    "api_key.kind": get_args(api_keys.KeyKind),
    "api_key.scopes": scopes.SCOPES,
    "day_source.figure": get_args(day_sources.Figure),
    "deployment.chain": get_args(facts.ChainKind),
    "deployment.mode": get_args(settings.Mode),
    "deployment.network": get_args(settings.Network),
    "deposit.state": get_args(deposits.State),
    "export.format": get_args(columns.Format),
    "export.kind": get_args(kinds.Name),
    "export.state": get_args(export.State),
    "member.role": get_args(members.Role),
    "member_change.state": get_args(member_changes.State),
    "member_invitation.role": get_args(members.Role),
    "member_invitation.state": get_args(invitations.State),
    "member_session.stage": get_args(browser_sessions.Stage),
    "member_task.kind": get_args(member_tasks.Kind),
    "member_task.state": get_args(tasks.State),
    "operator_account.role": get_args(operators.Role),
    "operator_session.stage": get_args(browser_sessions.Stage),
    "operator_change.state": get_args(changes.State),
    "operator_task.kind": get_args(tasks.Kind),
    "operator_task.state": get_args(tasks.State),
    "operator_tie.kind": get_args(people.Kind),
    "partner_standing.standing": get_args(fence.Standing),
    "payout_batch.kind": get_args(batches.Kind),
    "payout_batch.state": get_args(batches.State),
    "pool_receipt.source": get_args(pool_receipts.Source),
    "post_payment.kind": get_args(upgrades.UpgradeKind),
    "purchase.state": get_args(orders.State),
    "sandbox_chain.scenario": get_args(simulated_chain.Scenario),
    "sandbox_days.scenario": list(scenarios.Scenario),
    "sandbox_transaction.state": get_args(simulated_blocks.State),
    "sign_in_attempt.kind": list(sign_in_attempts.MOST),
    "signer_descriptor.side": get_args(public_descriptors.Side),
    "tariff.kind": tariffs.KINDS,
    "transfer.kind": list(TransferKind),
    "transfer.state": get_args(TransferState),
    "upgrade_step.kind": get_args(upgrades.UpgradeKind),
    "webhook_delivery.state": get_args(deliveries.State),
    "webhook_endpoint.reason": get_args(endpoints.Reason),
    "webhook_endpoint.state": get_args(endpoints.State),
    "withdrawal.speed": get_args(withdrawals.Speed),
    "withdrawal.state": {*get_args(withdrawals.State)} - OF_THE_BATCH,
}
# Every other column of text, and what it holds.
OPEN = {
    **dict.fromkeys(
        (
            *("deposit.address", "deposit_address.address", "payout_foreign_spend.paid", "payout_transaction.paid"),
            *("sandbox_output.address", "wallet.address", "wallet_unbound.address", "withdrawal.address"),
            *("unapproved_withdrawal.address", "pool_address.address"),
        ),
        "an address",
    ),
    **dict.fromkeys(
        (
            *("deposit.txid", "payout_batch.block_hash", "payout_batch.txid", "payout_foreign_spend.inputs"),
            *("payout_foreign_spend.txid", "payout_input.script", "payout_input.txid", "payout_scan.block_hash"),
            *("payout_scan.told", "payout_transaction.raw", "payout_transaction.txid", "payout_wallet_key.descriptor"),
            "hot_wallet.instance",
            *(
                "accepted_header.block_hash",
                "accepted_header.previous_hash",
                "accepted_header.raw",
                "accepted_header.target",
            ),
            *("deposit_evidence.block_hash", "pool_receipt.block_hash", "pool_receipt.txid"),
            "signer_descriptor.descriptor",
            *(
                "sandbox_output.txid",
                "sandbox_transaction.inputs",
                "sandbox_transaction.raw",
                "sandbox_transaction.txid",
            ),
        ),
        "something of the chain, or of a wallet on it",
    ),
    **dict.fromkeys(
        (
            *(
                "adjustment.reason",
                "operator_action.reason",
                "payment_reversal.reason",
                "user_note.text",
                "read_token.label",
                "order_refund.reason",
                "partner_standing.reason",
                "pool_receipt.reason",
                "pool_receipt.reversed_reason",
                "balance_correction.reason",
                "balance_correction.reference",
                "payout_foreign_spend.acknowledged_by",
            ),
            *("payout_export.exported_by", "payout_foreign_spend.reason", "payout_policy.paused_reason"),
            *(
                "payout_transaction.refusal",
                "withdrawal.reason",
                *("observation.message", "alarm.message", "alarm_message.title", "alarm_message.body"),
                *("alarm.subject", "alarm_silence.subject", "alarm_silence.reason", "alarm_delivery.error"),
                *("day_source.left_out", "day_wait.reason"),
                "operator_action.action",
                "operator_action.subject",
                "operator_change.act",
                "operator_change.subject",
                "operator_view.subject",
                "api_call.message",
                *("member_action.action", "member_action.subject", "member_action.reason"),
                *("member_change.act", "member_change.subject", "member_view.subject"),
                *("operator_task.at", "operator_task.code", "operator_task.told"),
                *("member_task.at", "member_task.code", "member_task.told"),
                "mining_day.held",
            ),
        ),
        "words for people",
    ),
    **dict.fromkeys(
        ("export.reason", "export.sha256", "export_total.currency", "export_total.field"),
        "what a file is, and what its columns add up to",
    ),
    **dict.fromkeys(
        (
            *("app_user.email", "collection.name", "discount_programme.name", "miner.name", "operator_account.name"),
            *("operator_passkey.name", "member_passkey.name"),
            *("member.email", "member.name", "member_invitation.email", "member_invitation.name", "member_login.email"),
            *("restoration.by_name", "alarm_silence.silenced_by", "alarm_delivery.target"),
            *(
                "partner.name",
                "payout_scan.wallet",
                "deployment.wallet",
                "api_key.label",
                "sandbox_address.label",
                "mining_day.source",
                "day_source.source",
                "day_source.url",
                "pool_receipt.reference",
                "pool_receipt.key",
            ),
        ),
        "a name that people give",
    ),
    **dict.fromkeys(
        (
            *("api_call.partner_user", "app_user.partner_user_id", "partner_payment.reference", "purchase.external_id"),
            *("partner.origins", "partner.ton_domains", "webhook_endpoint.url", "webhook_endpoint.description"),
        ),
        "a name that the partner gives",
    ),
    **dict.fromkeys(
        (
            *(
                "api_key.key",
                "answered_write.operation",
                "answered_write.scope",
                "operator_account.password",
                "operator_change.secret",
                *("member.password", "member_change.secret"),
            ),
            *("withdrawal_key.operation", "minute_count.name", "observation.name", "observation.code"),
            *("alarm.code", "alarm_message.name", "alarm_silence.code"),
            *("day_source.sha256", "day_wait.code"),
            *("worker_heartbeat.name", "worker_heartbeat.version"),
            *(
                *("event.name", "event.type", "event.object_kind"),
                *("webhook_delivery.object_kind", "webhook_endpoint.types"),
                *("event_draft.name", "event_draft.type", "event_draft.object_kind"),
                *("api_call.operation", "api_call.request_id", "api_call.error"),
                "deployment.epoch",
                *("operator_form.once", "operator_session.epoch", "operator_view.page", "sign_in_attempt.place"),
                *("member_form.once", "member_invitation.epoch", "member_session.epoch", "member_view.page"),
                "deployment.signer",
                "journal_entry.kind",
                "journal_entry.name",
                "partner.public_id",
                "rate_budget.subject",
                "refresh_family.name",
                "read_token.name",
                "restoration.old_epoch",
                "restored_gap.sequence",
                "audit_mark.server",
                "backup.path",
                *("day_document.content", "day_document.sha256", "day_document.previous_sha256"),
                *("liabilities_document.content", "liabilities_document.sha256"),
                *("liabilities_document.previous_sha256", "liabilities_document.kid"),
                *("reserves_document.content", "reserves_document.sha256"),
                *("reserves_document.previous_sha256", "reserves_document.kid"),
                *("day_document.kid", "proof_key.kid"),
                "signing_key.kid",
                "ton_payload.payload",
            ),
        ),
        "made by the program, one of many",
    ),
    **dict.fromkeys(
        ("event.object_id", "event_draft.object_id", "webhook_delivery.object_id"),
        "a name that the program or the partner gives",
    ),
    **dict.fromkeys(
        (
            *("operator_session.address", "operator_session.agent", "operator_passkey.host"),
            *("member_session.address", "member_session.agent", "member_passkey.host"),
            *("api_call.address", "api_call.method", "api_call.path"),
        ),
        "what a browser and the network say",
    ),
    **dict.fromkeys(("webhook_attempt.error", "webhook_attempt.answer", "webhook_delivery.error"), "what others said"),
    **dict.fromkeys(("alone_done.currency", "alone_done.kind"), "what alone_limit lists"),
    **dict.fromkeys(
        (
            *("event.data", "event_draft.data"),
            *("journal_entry.what", "operator_action.values_after", "operator_action.values_before"),
            *("api_call.details", "member_action.values_after", "member_action.values_before", "member_change.content"),
            *(
                "operator_change.content",
                "operator_task.meant",
                "member_task.meant",
                "payout_turn.found",
                "run_terms.terms",
            ),
            *("observation.figures", "audit_mark.deleted"),
        ),
        "JSON",
    ),
}
