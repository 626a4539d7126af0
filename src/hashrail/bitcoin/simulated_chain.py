"""The simulated chain of a sandbox: a mempool, blocks by the business clock, and a wallet with coins. No bitcoin moves.

It plays a system outside our transactions, so each call commits on its own. It keeps the rules that matter to payouts:
an output is spent once, the same bytes may be sent again, a replacement must pay more, a reorg takes blocks back. What
the next block does follows the **scenario**:

- `confirm`: it takes everything that waits;
- `stuck`: it takes only what replaced something at a higher fee;
- `evicted`: what waits falls out of the mempool once; sent again, it is taken;
- `reorg`: two blocks after a transaction was mined, the last three blocks are replaced by others without it; once;
- `double_spend`: somebody else's transaction spends the first input instead.
"""

from collections.abc import AsyncIterator, Collection, Sequence, Set
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Literal

from hashrail import business_clock, db
from hashrail.bitcoin import addresses
from hashrail.bitcoin import simulated_blocks as blocks
from hashrail.bitcoin.amounts import to_btc, to_sat
from hashrail.bitcoin.chain import Payment, Receiving, Tip
from hashrail.bitcoin.coin_selection import INPUTS, OUTPUT, OVERHEAD
from hashrail.bitcoin.evidence import Claim, Doubt, Evidence
from hashrail.bitcoin.findings import Finding
from hashrail.bitcoin.node import INVALID_TRANSACTION, REJECTED
from hashrail.bitcoin.records import (
    Acceptance,
    Accepted,
    AlreadyKnown,
    Broadcast,
    Coin,
    FeeRate,
    FeeTerms,
    Outpoint,
    Output,
    RawTransaction,
    Refused,
    TransactionState,
    WalletHistory,
    WalletMark,
)
from hashrail.bitcoin.rpc import NodeRefusedError
from hashrail.bitcoin.signer import Signed, SigningRefusedError
from hashrail.db import Pool, Reader, Tx
from hashrail.settings import Network

Scenario = Literal["confirm", "stuck", "evicted", "reorg", "double_spend"]
BLOCK_TIME = timedelta(minutes=10)
COINS, EACH_BTC = 20, Decimal(5)
# All the bitcoin that there will be, so nobody pays more at once. What an account ever got is held below 10^20, which
# takes more than four million million such payments.
MAX_BTC = Decimal(21_000_000)
REORG_AFTER, REORG_DEPTH = 2, 3
INPUT_SIZE = INPUTS["0014"]
REPLACEABLE = 0xFFFFFFFD
ONE_SATOSHI = Decimal(1).scaleb(-8)
_HOLD = "SELECT began_at, height, by_hand, scenario FROM sandbox_chain WHERE id = 1 FOR UPDATE"


async def is_kept(tx: Reader) -> bool:
    """Whether the database has a simulated chain: then it is a sandbox's, whatever the environment says."""
    found: bool = await tx.fetchval("SELECT EXISTS (SELECT 1 FROM sandbox_chain)")
    return found


class SandboxChain:
    """The chain of a sandbox, kept in its database."""

    simulated = True
    signs_elsewhere = False

    def __init__(self, pool: Pool, *, fees: FeeTerms, network: Network) -> None:
        self._pool = pool
        self._fees = fees
        self._network = network

    # What payouts and deposits ask

    async def findings(self) -> list[Finding]:
        """Nothing ever speaks against paying here."""
        return []

    async def keys(self) -> dict[str, datetime]:
        """None: the wallet stands in the books, so it is never another than theirs."""
        return {}

    async def mark(self) -> WalletMark:
        """None: the wallet cannot be made anew without the books."""
        return WalletMark()

    async def put_mark(self, mark: WalletMark) -> None:
        """It needs none."""

    async def tip(self) -> Tip:
        """The newest block."""
        async with db.transaction(self._pool) as tx:
            height = await self._arrive(tx)
            return Tip(height, await blocks.block_hash(tx, height))

    async def coins(self) -> list[Coin]:
        """Confirmed outputs of the wallet that neither chain nor mempool spends."""
        async with db.transaction(self._pool) as tx:
            height = await self._arrive(tx)
            rows = await tx.fetch(
                """SELECT o.txid, o.vout, o.address, o.amount_btc, t.height FROM sandbox_output o
                   JOIN sandbox_transaction t ON t.txid = o.txid AND t.state = 'mined'
                   WHERE o.ours AND NOT EXISTS (
                       SELECT 1 FROM sandbox_transaction s WHERE s.state <> 'absent'
                       AND s.inputs @> ARRAY[o.txid || ':' || o.vout]) ORDER BY o.txid, o.vout"""
            )
        return [
            Coin(
                txid=row["txid"],
                vout=row["vout"],
                amount_btc=row["amount_btc"],
                script=self._script(row["address"]),
                confirmations=height - row["height"] + 1,
                solvable=True,
                safe=True,
                address=row["address"],
            )
            for row in rows
        ]

    async def locked(self) -> list[Outpoint]:
        """None: nobody can lock one here."""
        return []

    async def is_unspent(self, outpoint: Outpoint) -> bool:
        """Whether the best chain has an output and has not spent it; what waits in the mempool does not count."""
        async with db.transaction(self._pool) as tx:
            await self._arrive(tx)
            unspent: bool = await tx.fetchval(
                """SELECT EXISTS (SELECT 1 FROM sandbox_transaction WHERE txid = $1 AND state = 'mined')
                   AND NOT EXISTS (SELECT 1 FROM sandbox_transaction
                                   WHERE state = 'mined' AND inputs @> ARRAY[$1 || ':' || $2::int])""",
                outpoint.txid,
                outpoint.vout,
            )
        return unspent

    async def fee_rate(self, blocks: int) -> FeeRate:
        """The fallback: there is nothing to estimate, however many blocks."""
        assert blocks >= 1, "a transaction is mined in a block"
        return FeeRate(min(self._fees.fallback, self._fees.cap), "fallback", capped=False)

    async def refused(self, addresses: Collection[str]) -> set[str]:
        """None: who asked was held against the same rules."""
        del addresses
        return set()

    async def sign(self, payment: Payment) -> Signed:
        """A transaction that says that it is simulated; a second signature of the same payment is another one.

        Raises SigningRefusedError above the fee, and NodeRefusedError where the coins do not suffice.
        """
        spent = [f"{coin.txid}:{coin.vout}" for coin in payment.inputs]
        have_sat = sum(to_sat(coin.amount_btc) for coin in payment.inputs)
        vsize = OVERHEAD + INPUT_SIZE * len(spent) + OUTPUT * (len(payment.outputs_btc) + 1)
        fee_sat = int((vsize * payment.sat_per_vb).to_integral_value(ROUND_CEILING))
        change_sat = have_sat - fee_sat - sum(map(to_sat, payment.outputs_btc.values()))
        if change_sat < 0:
            raise NodeRefusedError("sign", -4, "Insufficient funds")
        if to_btc(fee_sat) > payment.max_fee_btc:
            raise SigningRefusedError(f"the fee is {fee_sat} satoshi, more than is allowed", reason="fee")
        outputs = [(address, amount) for address, amount in payment.outputs_btc.items()]
        if change_sat > 0:
            outputs.append((await self.new_address(), to_btc(change_sat)))
        raw = blocks.made(spent, outputs, to_btc(fee_sat), vsize)
        return Signed(raw, blocks.txid_of(raw), to_btc(fee_sat), vsize)

    async def acceptance(self, raw: str) -> Acceptance:
        """Whether the mempool would take a transaction now."""
        async with db.transaction(self._pool) as tx:
            await self._arrive(tx)
            known = await blocks.state_of(tx, blocks.txid_of(raw))
            reason = f"txn-{known}" if known in ("mempool", "mined") else await self._objection(tx, raw)
        body = blocks.read(raw)
        if reason is not None:
            return Acceptance(blocks.txid_of(raw), allowed=False, reason=reason)
        return Acceptance(blocks.txid_of(raw), allowed=True, vsize=body.vsize, fee_btc=body.fee)

    async def broadcast(self, raw: str) -> Broadcast:
        """Send a transaction out."""
        txid = blocks.txid_of(raw)
        async with db.transaction(self._pool) as tx:
            await self._arrive(tx)
            match await blocks.state_of(tx, txid):
                case "mempool":
                    return Accepted(txid)
                case "mined":
                    return AlreadyKnown(txid)
            objection = await self._objection(tx, raw)
            if objection is not None:
                missing = objection == "bad-txns-inputs-missingorspent"
                return Refused(INVALID_TRANSACTION if missing else REJECTED, objection)
            replaced = await blocks.leave(tx, blocks.read(raw).inputs)
            await self._put(tx, raw, state="mempool", height=None, bumped=replaced)
        return Accepted(txid)

    async def waiting_fees(self, txid: str) -> Decimal | None:
        """BTC that a waiting transaction pays, and a replacement more; else None."""
        async with db.transaction(self._pool) as tx:
            await self._arrive(tx)
            fee: Decimal | None = await tx.fetchval(
                "SELECT fee_btc FROM sandbox_transaction WHERE txid = $1 AND state = 'mempool'", txid
            )
        return fee

    async def transaction(self, txid: str) -> TransactionState:
        """Where the best chain has a transaction."""
        async with db.transaction(self._pool) as tx:
            height = await self._arrive(tx)
            row = await tx.fetchrow("SELECT state, height, inputs FROM sandbox_transaction WHERE txid = $1", txid)
            if row is None:
                return TransactionState("unknown")
            if row["state"] == "mined":
                return TransactionState(
                    "confirmed", height - row["height"] + 1, await blocks.block_hash(tx, row["height"])
                )
            if row["state"] == "mempool":
                return TransactionState("mempool")
            depth = await blocks.conflict_depth(tx, row, height)
        return TransactionState("conflicted", -depth) if depth else TransactionState("absent")

    async def spenders(self, outpoints: Set[Outpoint], depth: int) -> dict[str, str]:
        """None: it is believed without."""
        return {}

    async def evidence(self, claims: Sequence[Claim]) -> dict[str, Evidence | Doubt]:
        """Its own word: no block of it takes any work."""
        async with db.transaction(self._pool) as tx:
            return await blocks.evidence(tx, claims, await self._arrive(tx), self._script)

    async def decode(self, raw: str) -> RawTransaction:
        """What stands in a transaction."""
        body = blocks.read(raw)
        return RawTransaction(
            blocks.txid_of(raw),
            body.vsize,
            tuple(blocks.outpoint_of(each) for each in body.inputs),
            (REPLACEABLE,) * len(body.inputs),
            tuple(Output(amount, self._script(address), address) for address, amount in body.outputs),
        )

    async def raw_transaction(self, txid: str) -> str | None:
        """The bytes of a transaction that the chain or the mempool ever had."""
        raw: str | None = await self._pool.fetchval("SELECT raw FROM sandbox_transaction WHERE txid = $1", txid)
        return raw

    async def history(self, since: str | None, depth: int) -> WalletHistory:
        """Lines of the wallet from the block after `since` on; the last `depth` - 1 blocks are told again."""
        async with db.transaction(self._pool) as tx:
            height = await self._arrive(tx)
            known = -1 if since is None else await blocks.fork_point(tx, since)
            rows = await tx.fetch(
                """SELECT t.txid, t.state, t.height, o.vout, o.address, o.amount_btc, o.ours,
                          EXISTS (SELECT 1 FROM sandbox_output p
                                  WHERE p.ours AND p.txid || ':' || p.vout = ANY(t.inputs)) AS from_us
                   FROM sandbox_transaction t JOIN sandbox_output o ON o.txid = t.txid
                   WHERE t.state <> 'mined' OR t.height > $1 ORDER BY t.seq, o.vout""",
                known,
            )
            last = await blocks.block_hash(tx, max(height - depth + 1, 0))
            entries = [entry for row in rows for entry in await blocks.entries(tx, row, height)]
            size = await tx.fetchval("SELECT count(*) FROM sandbox_transaction")
        return WalletHistory(tuple(entries), last, wallet="simulated", size=size)

    async def follows(self, txid: str) -> bool:
        """Always: this chain forgets nothing."""
        return await self.raw_transaction(txid) is not None

    async def new_address(self) -> str:
        """An address of the wallet that nobody was given before."""
        async with db.transaction(self._pool) as tx:
            await self._arrive(tx)
            return self._address(await self._next_number(tx))

    def signer(self) -> tuple[str, str] | None:
        """None: there are no keys."""
        return None

    async def index_of(self, address: str, receive: str) -> int | None:
        """None: there are no descriptors."""
        return None

    async def address_for(self, label: str, receiving: Receiving | None = None) -> str:
        """The wallet's address to receive with under a label; the same each time."""
        async with db.transaction(self._pool) as tx:
            await self._arrive(tx)
            number: int | None = await tx.fetchval("SELECT number FROM sandbox_address WHERE label = $1", label)
            if number is None:
                number = await self._next_number(tx)
                await tx.execute("INSERT INTO sandbox_address (label, number) VALUES ($1, $2)", label, number)
        return self._address(number)

    async def close(self) -> None:
        """The pool is not ours."""

    # What the world does

    async def play(self, scenario: Scenario, *, tx: "Tx | None" = None) -> None:
        """What blocks do from now on. This and the next verbs also work in a transaction of the caller's."""
        async with self._within(tx) as own:
            await self._arrive(own)
            await own.execute("UPDATE sandbox_chain SET scenario = $1 WHERE id = 1", scenario)

    async def scenario(self, *, tx: "Tx | None" = None) -> Scenario:
        """What blocks do."""
        async with self._within(tx) as own:
            await self._arrive(own)
            present: Scenario = await own.fetchval("SELECT scenario FROM sandbox_chain WHERE id = 1")
        return present

    async def mine(self, blocks: int, *, tx: "Tx | None" = None) -> int:
        """Blocks on top of those that the clock brings; answers the height."""
        async with self._within(tx) as own:
            await self._arrive(own)
            await own.execute("UPDATE sandbox_chain SET by_hand = by_hand + $1 WHERE id = 1", blocks)
            return await self._arrive(own)

    async def evict(self, txid: str) -> None:
        """The mempool forgets a transaction, and what spends from it."""
        async with db.transaction(self._pool) as tx:
            await self._arrive(tx)
            await blocks.forget(tx, [txid])

    async def reorg(self, depth: int, *, drop: bool = False) -> None:
        """Other blocks replace the last ones; what they held waits again, or is forgotten."""
        async with db.transaction(self._pool) as tx:
            await blocks.replace_blocks(tx, await self._arrive(tx), depth, drop=drop)

    async def double_spend(self, txid: str) -> str:
        """The next block has somebody else's transaction in place of one that is not mined; answers its txid."""
        async with db.transaction(self._pool) as tx:
            height = await self._arrive(tx)
            foreign = await self._double_spend(tx, txid, height + 1)
            await tx.execute("UPDATE sandbox_chain SET by_hand = by_hand + 1, height = height + 1 WHERE id = 1")
        return foreign

    async def receive(self, address: str, amount_btc: Decimal, *, tx: "Tx | None" = None) -> str:
        """Somebody pays an address at most MAX_BTC; answers the txid, which waits in the mempool."""
        assert 0 < amount_btc <= MAX_BTC, "nobody pays more than there is"
        raw = blocks.made([], [(address, amount_btc)], ONE_SATOSHI, OVERHEAD + OUTPUT)
        async with self._within(tx) as own:
            await self._arrive(own)
            await self._put(own, raw, state="mempool", height=None, bumped=False)
        return blocks.txid_of(raw)

    async def mempool(self, *, tx: "Tx | None" = None) -> list[tuple[str, Decimal]]:
        """Txid and fee in BTC of what waits, oldest first."""
        async with self._within(tx) as own:
            await self._arrive(own)
            rows = await own.fetch("SELECT txid, fee_btc FROM sandbox_transaction WHERE state = 'mempool' ORDER BY seq")
        return [(row["txid"], row["fee_btc"]) for row in rows]

    # How it goes on

    @asynccontextmanager
    async def _within(self, tx: "Tx | None") -> AsyncIterator[Tx]:
        """The caller's transaction, or one of our own."""
        if tx is not None:
            yield tx
            return
        async with db.transaction(self._pool) as own:
            yield own

    async def _arrive(self, tx: Tx) -> int:
        """Hold the chain and mine what the clock has brought since somebody last looked; answers the height."""
        row = await tx.fetchrow(_HOLD)
        now = await business_clock.now(tx)
        if row is None:
            await self._begin(tx, now)
            row = await tx.fetchrow(_HOLD)
            assert row is not None
        height: int = row["height"]
        target: int = max(height, (now - row["began_at"]) // BLOCK_TIME + row["by_hand"])
        # A block that changes nothing is only counted, so that a year passes in no time.
        while height < target and await self._mine(tx, height + 1, row["scenario"]):
            height += 1
        if target != row["height"]:
            await tx.execute("UPDATE sandbox_chain SET height = $1 WHERE id = 1", target)
        return target

    async def _begin(self, tx: Tx, now: datetime) -> None:
        begun = await tx.fetchval(
            """INSERT INTO sandbox_chain (id, began_at, height, by_hand, scenario, addresses)
               VALUES (1, $1, 0, 0, 'confirm', $2) ON CONFLICT (id) DO NOTHING RETURNING true""",
            now,
            COINS,
        )
        if begun is not None:
            funds = [(self._address(number), EACH_BTC) for number in range(1, COINS + 1)]
            raw = blocks.made([], funds, ONE_SATOSHI, OVERHEAD + OUTPUT * COINS, nonce="the beginning")
            await self._put(tx, raw, state="mined", height=0, bumped=False)

    async def _mine(self, tx: Tx, height: int, scenario: Scenario) -> bool:
        """One block; False where neither it nor any later one would change anything."""
        waiting = await tx.fetch(
            "SELECT txid, inputs, bumped, evicted FROM sandbox_transaction WHERE state = 'mempool' ORDER BY seq"
        )
        if scenario == "reorg" and await self._reorg_due(tx, height - 1):
            return True
        to_evict = [row["txid"] for row in waiting if not row["evicted"]] if scenario == "evicted" else []
        if to_evict:
            await tx.execute("UPDATE sandbox_transaction SET evicted = true WHERE txid = ANY($1)", to_evict)
            await blocks.forget(tx, to_evict)
            return True
        if scenario == "double_spend":
            spending = [row["txid"] for row in waiting if row["inputs"]]
            for txid in spending:
                if await blocks.state_of(tx, txid) == "mempool":
                    await self._double_spend(tx, txid, height)
            waiting = [row for row in waiting if not row["inputs"]]
            await blocks.confirm(tx, [row["txid"] for row in waiting], height)
            return bool(spending or waiting)
        taken = [row["txid"] for row in waiting if scenario != "stuck" or row["bumped"] or not row["inputs"]]
        await blocks.confirm(tx, taken, height)
        return bool(taken) or (scenario == "reorg" and await self._reorg_awaited(tx))

    async def _reorg_due(self, tx: Tx, height: int) -> bool:
        """Replace the last blocks when a payment has just become two blocks deep, once for each."""
        rows = await tx.fetch(
            """SELECT txid FROM sandbox_transaction WHERE state = 'mined' AND NOT reorged AND inputs <> '{}'
               AND height = $1""",
            height - REORG_AFTER + 1,
        )
        if not rows:
            return False
        txids = [row["txid"] for row in rows]
        await tx.execute("UPDATE sandbox_transaction SET reorged = true WHERE txid = ANY($1)", txids)
        await blocks.replace_blocks(tx, height, min(REORG_DEPTH, height), drop=False)
        return True

    async def _reorg_awaited(self, tx: Tx) -> bool:
        awaited: bool = await tx.fetchval(
            "SELECT EXISTS (SELECT 1 FROM sandbox_transaction WHERE state = 'mined' AND NOT reorged AND inputs <> '{}')"
        )
        return awaited

    async def _double_spend(self, tx: Tx, txid: str, height: int) -> str:
        row = await tx.fetchrow("SELECT state, inputs FROM sandbox_transaction WHERE txid = $1", txid)
        assert row is not None, "only what was sent is double-spent"
        assert row["state"] != "mined", "a mined output is not spent again"
        outpoint = blocks.outpoint_of(row["inputs"][0])
        amount_btc: Decimal = await tx.fetchval(
            "SELECT amount_btc FROM sandbox_output WHERE txid = $1 AND vout = $2", outpoint.txid, outpoint.vout
        )
        thief = self._address(0)
        raw = blocks.made([row["inputs"][0]], [(thief, amount_btc - ONE_SATOSHI)], ONE_SATOSHI, OVERHEAD + OUTPUT)
        await blocks.leave(tx, [row["inputs"][0]])
        await self._put(tx, raw, state="mined", height=height, bumped=False)
        return blocks.txid_of(raw)

    async def _objection(self, tx: Tx, raw: str) -> str | None:
        """Why the mempool would not take a transaction that it does not have; in the node's own words."""
        body = blocks.read(raw)
        spent = body.inputs
        outpoints = [blocks.outpoint_of(each) for each in spent]
        there = await tx.fetchval(
            """SELECT count(*) FROM unnest($1::text[], $2::int[]) AS i (txid, vout)
               JOIN sandbox_output o USING (txid, vout)
               JOIN sandbox_transaction t ON t.txid = o.txid AND t.state <> 'absent'""",
            [each.txid for each in outpoints],
            [each.vout for each in outpoints],
        )
        rivals = await tx.fetch(
            "SELECT state, fee_btc FROM sandbox_transaction WHERE state <> 'absent' AND inputs && $1::text[]", spent
        )
        if there < len(spent) or any(row["state"] == "mined" for row in rivals):
            return "bad-txns-inputs-missingorspent"
        paid = sum((row["fee_btc"] for row in rivals), Decimal(0))
        if rivals and body.fee < paid + to_btc(body.vsize):
            return "insufficient fee, rejecting replacement"
        return None

    async def _put(self, tx: Tx, raw: str, *, state: blocks.State, height: int | None, bumped: bool) -> None:
        """Take a transaction in, or take one in again that was forgotten."""
        body, txid = blocks.read(raw), blocks.txid_of(raw)
        new = await tx.fetchval(
            """INSERT INTO sandbox_transaction AS old (txid, raw, inputs, fee_btc, vsize, state, height, bumped)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
               ON CONFLICT (txid) DO UPDATE SET state = $6, bumped = old.bumped OR $8 RETURNING xmax = 0""",
            txid,
            raw,
            body.inputs,
            body.fee,
            body.vsize,
            state,
            height,
            bumped,
        )
        if new:
            given = await tx.fetchval("SELECT addresses FROM sandbox_chain WHERE id = 1")
            await tx.executemany(
                "INSERT INTO sandbox_output (txid, vout, address, amount_btc, ours) VALUES ($1, $2, $3, $4, $5)",
                [
                    (txid, vout, address, amount, blocks.is_own(bytes.fromhex(self._script(address)), given))
                    for vout, (address, amount) in enumerate(body.outputs)
                ],
            )

    async def _next_number(self, tx: Tx) -> int:
        taken = "UPDATE sandbox_chain SET addresses = addresses + 1 WHERE id = 1 RETURNING addresses"
        number: int = await tx.fetchval(taken)
        return number

    async def put_label(self, address: str, label: str) -> None:
        """The wallet is kept with the books, so that it has never forgotten one."""
        raise AssertionError(f"{address} was given out twice, also as {label}")

    def _address(self, number: int) -> str:
        """Address `number` of the wallet; 0 is somebody else's."""
        return addresses.from_script(blocks.own_script(number), self._network)

    def _script(self, address: str) -> str:
        return addresses.parse(address, self._network, field="address").script.hex()
