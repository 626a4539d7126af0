"""What the commands of withdrawals and payouts print for scripts: as shapes.py does for the others."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from hashrail.cli.printing import Shape, about
from hashrail.custody import withdrawals
from hashrail.payouts import batches
from hashrail.support.waits import Cause


class WithdrawalPart(Shape, kw_only=True):
    """What every list of withdrawals says of one."""

    partner: Annotated[int, about("the number of its partner, as in PARTNER:ID")]
    id: Annotated[int, about("its own number, as in PARTNER:ID")]
    wallet_address: Annotated[str, about("where it is paid")]
    amount: Annotated[Decimal, about("BTC that arrive there")]


class Wait(Shape, kw_only=True):
    """Something that a withdrawal waits for."""

    cause: Annotated[Cause, about("what it is, as docs/how-to/answer-a-customer.md has it")]
    reason: Annotated[str, about("the same in words that a partner is told")]
    detail: Annotated[str, about("the figures, for operators alone")]
    until: Annotated[datetime | None, about("when it ends by itself; null where somebody or the chain ends it")]


class Withdrawal(WithdrawalPart, kw_only=True):
    """A withdrawal."""

    partner_user_id: Annotated[str, about("whose it is, by the partner's own id")]
    speed: Annotated[withdrawals.Speed, about("how soon it is paid")]
    fee: Annotated[Decimal, about("BTC of commission that came on top")]
    state: Annotated[withdrawals.State, about("how far it is")]
    batch_id: Annotated[int | None, about("the batch that pays it")]
    txid: Annotated[str | None, about("the transaction that pays it by now")]
    confirmations: Annotated[int, about("blocks that have it")]
    reason: Annotated[str | None, about("why it was refused")]
    waits: Annotated[list[Wait], about("all that it waits for now")]
    waits_until: Annotated[datetime | None, about("when all of it has ended by itself; null where it does not")]
    simulated: Annotated[bool, about("whether no bitcoin moves: in a sandbox without a node")]
    created_at: Annotated[datetime, about("when it was asked for, by the business clock")]
    changed_at: Annotated[datetime, about("when its state, transaction or confirmations last changed")]


class WaitingWithdrawal(WithdrawalPart, kw_only=True):
    """A withdrawal that waits for approval."""

    partner_name: Annotated[str, about("the name of its partner")]
    partner_user_id: Annotated[str, about("whose it is, by the partner's own id")]
    created_at: Annotated[datetime, about("when it was asked for, by the business clock")]
    approved_by: Annotated[list[str], about("operators whose approval counts")]


class ExportedWithdrawal(WithdrawalPart, kw_only=True):
    """A withdrawal in the file of an export."""

    partner_name: Annotated[str, about("the name of its partner")]
    partner_user_id: Annotated[str, about("whose it is, by the partner's own id")]
    state: Annotated[str, about("how far it is")]


class Export(Shape, kw_only=True):
    """The file of an export, for the program that pays."""

    outputs: Annotated[list[dict[str, str]], about("BTC by address, as walletcreatefundedpsbt takes them")]
    withdrawals: Annotated[list[ExportedWithdrawal], about("what the outputs pay")]


class PartnerPayouts(Shape, kw_only=True):
    """What a partner asks of its users' withdrawals."""

    duplicate_seconds: Annotated[int, about("the same again within so many seconds is refused; 0 lets it pass")]
    bound_addresses_only: Annotated[bool, about("whether only addresses that users have bound are paid")]
    daily_btc: Annotated[Decimal | None, about("BTC that its users may withdraw in a day; null is the limit of all")]


class PayoutPolicy(Shape, kw_only=True):
    """What is asked of payouts. A limit in BTC is null where there is none."""

    paused_reason: Annotated[str | None, about("why nothing is signed or sent; null while payouts go on")]
    approval_threshold_btc: Annotated[Decimal | None, about("from this amount on two approve, in 24 hours")]
    partner_approval_btc: Annotated[Decimal | None, about("from this sum on two approve, of a partner in 24 hours")]
    user_daily_btc: Annotated[Decimal | None, about("what leaves for one user in a UTC day")]
    partner_daily_btc: Annotated[Decimal | None, about("what leaves for all users of a partner in a day")]
    deployment_daily_btc: Annotated[Decimal | None, about("what leaves for everybody in a day")]
    cooldown_seconds: Annotated[int, about("how long a new address waits")]


class Finding(Shape, kw_only=True):
    """Something that an operator should know."""

    code: Annotated[str, about("what it is, as the how-to guides call it")]
    message: Annotated[str, about("the figures")]
    stops: Annotated[bool, about("false where it is only told, and nothing waits for it")]


class NodeReport(Shape, kw_only=True):
    """What the configured Bitcoin node says."""

    chain: Annotated[str, about("the chain that it follows")]
    software: Annotated[str, about("what it calls itself")]
    blocks: Annotated[int, about("height of its best block")]
    headers: Annotated[int, about("height of the best header")]
    best_block: Annotated[str, about("hash of its best block")]
    median_time: Annotated[datetime, about("median time of the last blocks")]
    initial_download: Annotated[bool, about("whether it is still catching up")]
    fee_sat_per_vb: Annotated[Decimal | None, about("fee rate that a batch would pay now, sat/vB; null for none")]
    fee_source: Annotated[str, about("estimate, fallback, cap or none")]
    wallet: Annotated[str, about("the wallet that pays")]
    coins: Annotated[int | None, about("its coins; null where it is not loaded")]
    confirmed_btc: Annotated[Decimal | None, about("BTC in them")]
    signer: Annotated[Literal["external", "node"], about("who signs")]
    findings: Annotated[list[Finding], about("what speaks against paying through it")]


class Standing(Shape, kw_only=True):
    """Withdrawals in a state, by speed."""

    state: Annotated[str, about("of the withdrawals")]
    speed: Annotated[str, about("of the withdrawals")]
    count: Annotated[int, about("how many")]
    amount_btc: Annotated[Decimal, about("BTC of all")]


class OpenExport(Shape, kw_only=True):
    """An export of which something is neither recorded nor cancelled yet."""

    id: Annotated[int, about("its number")]
    created_at: Annotated[datetime, about("when it was made, by the business clock")]
    count: Annotated[int, about("withdrawals that are left of it")]
    amount_btc: Annotated[Decimal, about("BTC of these")]


class LastRun(Shape, kw_only=True):
    """What the last run found."""

    ended_at: Annotated[datetime | None, about("when it ended, by the business clock; null before the first")]
    findings: Annotated[list[Finding], about("what it found")]


class PayoutStatus(Shape, kw_only=True):
    """How payouts stand."""

    simulated: Annotated[bool, about("whether no bitcoin moves: in a sandbox without a node")]
    last_turn: Annotated[LastRun, about("the worker's last one")]
    standing: Annotated[list[Standing], about("what waits and what is on its way")]
    exported: Annotated[list[OpenExport], about("what another program pays")]
    findings: Annotated[list[Finding], about("what stops new batches now")]
    warnings: Annotated[
        list[Finding], about("what one person can do alone, and what waits for a second; stops nothing")
    ]


class BatchVersion(Shape, kw_only=True):
    """One transaction of a batch: a raised fee makes another."""

    txid: Annotated[str, about("the transaction")]
    version: Annotated[int, about("1 for the first")]
    fee_btc: Annotated[Decimal, about("its fee, BTC")]
    vsize: Annotated[int, about("its size, vB; 0 where its bytes were never seen")]
    sat_per_vb: Annotated[Decimal, about("its fee rate, sat/vB")]
    created_at: Annotated[datetime, about("when it was stored, by the business clock")]
    broadcast_at: Annotated[datetime | None, about("when it was first sent")]
    refusal: Annotated[str | None, about("why the node would not take it")]


class Batch(Shape, kw_only=True):
    """Withdrawals that one transaction pays."""

    id: Annotated[int, about("its number")]
    kind: Annotated[batches.Kind, about("which withdrawals it pays; external was paid by another program")]
    state: Annotated[batches.State, about("how far it is")]
    max_fee_btc: Annotated[Decimal, about("the most that it may cost in fees, BTC")]
    txid: Annotated[str | None, about("the version that the best chain has")]
    confirmations: Annotated[int, about("blocks that have it")]
    block_hash: Annotated[str | None, about("the block that has it")]
    created_at: Annotated[datetime, about("when it was stored, by the business clock")]
    changed_at: Annotated[datetime, about("when it last changed")]
    settled_at: Annotated[datetime | None, about("when it was posted in the books")]
    simulated: Annotated[bool, about("whether no bitcoin moves: in a sandbox without a node")]
    versions: Annotated[list[BatchVersion], about("its transactions, the first one first")]
    withdrawals: Annotated[list[WithdrawalPart], about("what it pays")]


class Run(Shape, kw_only=True):
    """What a run of payouts did."""

    batches: Annotated[list[int], about("batches that were made")]
    bumped: Annotated[list[int], about("batches whose fee was raised")]
    settled: Annotated[int, about("how many were posted in the books")]
    findings: Annotated[list[Finding], about("what an operator should know")]
    simulated: Annotated[bool, about("whether no bitcoin moves: in a sandbox without a node")]


class ReconciliationLine(Shape, kw_only=True):
    """A part of an explanation."""

    what: Annotated[str, about("what it is")]
    amount_btc: Annotated[Decimal, about("BTC, signed")]
    count: Annotated[int, about("of how many things")]


class Reconciliation(Shape, kw_only=True):
    """Wallet, chain and books, compared to the satoshi."""

    wallet: Annotated[list[ReconciliationLine], about("the coins that are there, and what they come from")]
    unexplained_btc: Annotated[Decimal, about("what no line explains of them, BTC")]
    bridge: Annotated[list[ReconciliationLine], about("from the wallet to the books")]
    bridge_unexplained_btc: Annotated[Decimal, about("what is left over of that, BTC")]
    books: Annotated[list[ReconciliationLine], about("the wallet in the books, and what was posted to it")]
    books_unexplained_btc: Annotated[Decimal, about("what is left over of that, BTC")]
    simulated: Annotated[bool, about("whether no bitcoin moves: in a sandbox without a node")]
