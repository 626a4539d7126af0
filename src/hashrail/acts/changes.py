"""Changes that wait for a second: how each is done once it is confirmed, and taking one back.

What was asked for is done in the name of who asked, in the transaction of the confirmation, if everything is still as
it began with. `payouts record` asks the node before (`ready`), and is posted after it (`settle`).
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeAlias

from hashrail import business_clock, clock
from hashrail.access import api_keys
from hashrail.accounting import pool_files, pool_receipts
from hashrail.acts import keys as key_acts
from hashrail.acts import members, pool, withdrawals
from hashrail.acts import standings as standing_acts
from hashrail.acts.acting import Acting
from hashrail.acts.catalogue import offer_words, offers_on_sale, tariff_facts
from hashrail.acts.discounts import fractions_of, levels_facts
from hashrail.acts.rates import confirmation
from hashrail.books import fence, ledger
from hashrail.custody import corrections, hot_wallet, operator_withdrawals, payout_policy, payout_terms
from hashrail.custody.operator_withdrawals import Wanted
from hashrail.custody.payout_terms import PartnerTerms
from hashrail.db import Tx
from hashrail.deployment import changing, facts
from hashrail.deployment.facts import Nature
from hashrail.deployment.opened import Deployment, on_chain
from hashrail.parties import alone, changes, operators, people, standings
from hashrail.parties.changes import Change
from hashrail.parties.operators import Operator
from hashrail.parties.permissions import ACTS
from hashrail.payouts import exports, recorded_payments, settlement
from hashrail.payouts.batches import Number
from hashrail.payouts.recorded_payments import Payment, Seen
from hashrail.rewards import discounts, entering, rate_classes, rates, tariffs
from hashrail.rewards.tariffs import Tariff
from hashrail.selling import billing, capacity, catalogue, partner_closing, payment_reversals, refunds, upgrade_tariff

Done: TypeAlias = Callable[[Tx, Change, Operator], Awaitable[None]]
RECORD = "payouts record"


async def ready(deployment: Deployment, number: int) -> Seen | None:
    """What the chain says to a change, before its confirmation begins; None where it is not asked.

    Raises ChangeNotFoundError, NodeNotNamedError, and what `recorded_payments.look` does.
    """
    meant = await changes.get(deployment.pool, number)
    if ACTS[meant.act].pays:
        deployment.assert_node_named()
    if meant.act != RECORD:
        return None
    async with on_chain(deployment, signs=False) as opened:
        return await recorded_payments.look(opened, meant.after["txid"])


async def confirm(tx: Tx, act: Acting, number: int, seen: Seen | None) -> Change:
    """Do a change that somebody else has asked for, after the chain was asked about it (`ready`).

    Raises ChangeNotFoundError, AskerGoneError, SamePersonError, ChangeOutdatedError, and what the change itself does.
    """
    found, asker = await changes.confirmable(tx, act.named, number)
    act.shows(found.subject, before=found.before, after=found.after)
    if found.act == RECORD:
        await _record(tx, act, found, asker, seen)
    else:
        await DONE_BY[found.act](tx, found, asker)
    await changes.confirmed(tx, act.named, found)
    return found


async def settle(deployment: Deployment) -> None:
    """Post what is final by a confirmation that was committed; again is a no-op, and a worker does it as well."""
    await settlement.settle_final(deployment.pool)


async def withdraw(tx: Tx, act: Acting, number: int) -> Change:
    """Take back a change that waits, one's own or another's. Raises ChangeNotFoundError."""
    found = await changes.withdraw(tx, act.named, number)
    act.told.append(f"{found.act} of {found.subject}, which {found.asked_by} has asked for, is not done then.")
    return found


async def _set_payout_policy(tx: Tx, change: Change, asker: Operator) -> None:
    present = await payout_policy.hold(tx)
    changes.assert_begins_with(change, present.limits())
    await payout_policy.put(tx, asker, present.with_limits(change.after))


async def _resume(tx: Tx, change: Change, asker: Operator) -> None:
    present = await payout_policy.hold(tx)
    changes.assert_begins_with(change, {"paused_reason": present.paused_reason})
    await payout_policy.resume(tx, asker)


async def _set_partner_terms(tx: Tx, change: Change, asker: Operator) -> None:
    partner_id: int = change.after["partner"]
    present = await payout_terms.of_partner(tx, partner_id)
    changes.assert_begins_with(change, {"partner": partner_id, **asdict(present)})
    meant = {name: value for name, value in change.after.items() if name != "partner"}
    meant["daily_btc"] = None if meant["daily_btc"] is None else Decimal(meant["daily_btc"])
    await payout_terms.put(tx, asker, partner_id, PartnerTerms(**meant))


async def _set_credit_limit(tx: Tx, change: Change, asker: Operator) -> None:
    partner_id: int = change.after["partner"]
    present = (await billing.receivable(tx, partner_id)).credit_limit
    changes.assert_begins_with(change, {"partner": partner_id, "credit_limit_usd": present})
    await ledger.set_credit_limit(tx, partner_id, Decimal(change.after["credit_limit_usd"]))
    await operators.note(tx, asker, change.act, change.subject, before=change.before, after=change.after)


async def _record_partner_payment(tx: Tx, change: Change, asker: Operator) -> None:
    partner_id: int = change.after["partner"]
    present = {"partner": partner_id, "owed_usd": (await billing.hold_receivable(tx, partner_id)).owed}
    changes.assert_begins_with(change, present)
    meant = change.after
    paid = Decimal(meant["amount_usd"])
    await billing.record_payment(tx, partner_id, amount_usd=paid, reference=meant["reference"])
    await operators.note(tx, asker, change.act, change.subject, before=change.before, after=meant)


async def _put_offer(tx: Tx, change: Change, asker: Operator) -> None:
    power, efficiency = Decimal(change.after["power"]), Decimal(change.after["efficiency"])
    was = (await offers_on_sale(tx)).get(offer_words(power, efficiency))
    changes.assert_begins_with(change, {"power": power, "efficiency": efficiency, "price_usd": was})
    await catalogue.put(tx, [(power, efficiency, Decimal(change.after["price_usd"]))])
    await operators.note(tx, asker, change.act, change.subject, before=change.before, after=change.after)


async def _set_capacity(tx: Tx, change: Change, asker: Operator) -> None:
    changes.assert_begins_with(change, {"cap_th": await capacity.cap_th(tx)})
    cap: str | None = change.after["cap_th"]
    await capacity.set_capacity(tx, None if cap is None else Decimal(cap))
    await operators.note(tx, asker, change.act, change.subject, before=change.before, after=change.after)


async def _set_tariff(tx: Tx, change: Change, asker: Operator) -> None:
    meant = Tariff(change.after["kind"], clock.day_from(change.after["from_day"]), Decimal(change.after["value"]))
    was = await tariffs.find(tx, meant.kind, meant.from_day)
    changes.assert_begins_with(change, asdict(meant) | {"value": None if was is None else was.value})
    await tariffs.put(tx, meant)
    await operators.note(tx, asker, change.act, change.subject, before=change.before, after=change.after)


async def _set_upgrades(tx: Tx, change: Change, asker: Operator) -> None:
    changes.assert_begins_with(change, tariff_facts(await upgrade_tariff.find(tx)))
    meant = change.after
    await upgrade_tariff.change(
        tx,
        power_price=Decimal(meant["power_price"]),
        band_discount=Decimal(meant["band_discount"]),
        power_steps={int(level): Decimal(price) for level, price in meant["power_steps"].items()},
        efficiency_steps={int(level): Decimal(price) for level, price in meant["efficiency_steps"].items()},
    )
    await operators.note(tx, asker, change.act, change.subject, before=change.before, after=meant)


async def _set_fraction(tx: Tx, change: Change, asker: Operator) -> None:
    name, meant = change.after["programme"], change.after
    changes.assert_begins_with(change, {"programme": name, "fractions": await fractions_of(tx, name)})
    from_day, fraction = clock.day_from(meant["from"]), Decimal(meant["fraction"])
    programme = await discounts.find_programme(tx, name)
    await discounts.set_fraction(tx, programme, from_day=from_day, fraction=fraction)
    await operators.note(tx, asker, change.act, change.subject, before=change.before, after=meant)


async def _set_discount_cap(tx: Tx, change: Change, asker: Operator) -> None:
    changes.assert_begins_with(change, {"cap": await rates.discount_cap(tx)})
    await discounts.set_cap(tx, Decimal(change.after["cap"]))
    await operators.note(tx, asker, change.act, change.subject, before=change.before, after=change.after)


async def _set_levels(tx: Tx, change: Change, asker: Operator) -> None:
    changes.assert_begins_with(change, levels_facts(await discounts.levels(tx)))
    meant: dict[str, str] = change.after["levels"]
    await discounts.set_levels(tx, {Decimal(from_th): Decimal(fraction) for from_th, fraction in meant.items()})
    await operators.note(tx, asker, change.act, change.subject, before=change.before, after=change.after)


async def _confirm_rates(tx: Tx, change: Change, asker: Operator) -> None:
    day = clock.day_from(change.after["day"])
    before, after = confirmation(await rates.find(tx, day))
    changes.assert_begins_with(change, before)
    await entering.confirm(tx, day, today=clock.day_of(await business_clock.now(tx)))
    await operators.note(tx, asker, change.act, change.subject, before=before, after=after)


async def _adjust_day(tx: Tx, change: Change, asker: Operator) -> None:
    day = clock.day_from(change.after["day"])
    changes.assert_begins_with(change, {"day": day, "inputs": asdict(await rate_classes.in_force(tx, day))})
    meant = {name: Decimal(value) for name, value in change.after.items() if name not in ("day", "reason")}
    reason = change.after["reason"]
    at = await business_clock.now(tx)
    await rate_classes.adjust(tx, day, reason=reason, at=at, tried=False, **meant)
    await entering.judge_again(tx, after=day, today=clock.day_of(at))
    await operators.note(tx, asker, change.act, change.subject, reason, before=change.before, after=change.after)


async def _set_rates_policy(tx: Tx, change: Change, asker: Operator) -> None:
    changes.assert_begins_with(change, {"delay_seconds": await rates.delay(tx) // timedelta(seconds=1)})
    await rates.set_delay(tx, change.after["delay_seconds"])
    await operators.note(tx, asker, change.act, change.subject, before=change.before, after=change.after)


async def _add_operator(tx: Tx, change: Change, asker: Operator) -> None:
    assert change.secret is not None, "it was asked for with a password"
    name, role = change.after["name"], change.after["role"]
    await operators.add_digested(tx, name=name, role=role, digest=change.secret, by=asker)


async def _set_role(tx: Tx, change: Change, asker: Operator) -> None:
    name = change.after["name"]
    changes.assert_begins_with(change, {"name": name, "role": (await operators.find(tx, name)).role})
    await operators.set_role(tx, name, change.after["role"], by=asker)


async def _set_password(tx: Tx, change: Change, asker: Operator) -> None:
    assert change.secret is not None, "it was asked for with a password"
    await operators.give_digest(tx, change.after["name"], change.secret, by=asker)


async def _set_operator_policy(tx: Tx, change: Change, asker: Operator) -> None:
    changes.assert_begins_with(change, {"apart_seconds": await people.apart_seconds(tx)})
    await people.set_apart(tx, change.after["apart_seconds"])
    await operators.note(tx, asker, change.act, change.subject, before=change.before, after=change.after)


async def _set_alone(tx: Tx, change: Change, asker: Operator) -> None:
    kind, currency = change.after["kind"], change.after["currency"]
    present = await alone.limit(tx, kind, currency)
    changes.assert_begins_with(change, asdict(present))
    await alone.set_limit(tx, kind, currency, Decimal(change.after["amount"]))
    await operators.note(tx, asker, change.act, change.subject, before=change.before, after=change.after)


async def _reverse_payment(tx: Tx, change: Change, asker: Operator) -> None:
    books = await fence.share(tx, change.after["partner"])
    payment = await payment_reversals.lock(tx, books.partner_id, change.after["payment"])
    changes.assert_begins_with(change, {"partner": books.partner_id, "reversed": payment.reversed_at is not None})
    reason = change.after["reason"]
    await payment_reversals.reverse(tx, books, payment.id, reason=reason)
    await operators.note(tx, asker, change.act, change.subject, reason, before=change.before, after=change.after)


async def _refund(tx: Tx, change: Change, asker: Operator) -> None:
    books = await fence.share(tx, change.after["partner"])
    issued = await refunds.lock(tx, books, change.after["order"])
    changes.assert_begins_with(change, refunds.facts(books, issued))
    reason = change.after["reason"]
    made = await refunds.refund(tx, books, issued, reason=reason)
    after = change.after | refunds.taken(made)
    await operators.note(tx, asker, change.act, change.subject, reason, before=change.before, after=after)


async def _reopen(tx: Tx, change: Change, asker: Operator) -> None:
    partner_id, reason = change.after["partner"], change.after["reason"]
    present = await standings.hold(tx, partner_id)
    changes.assert_begins_with(change, {"partner": partner_id, "standing": present.standing})
    await standings.reopen(tx, partner_id, reason=reason)
    await operators.note(tx, asker, change.act, change.subject, reason, before=change.before, after=change.after)


async def _close_partner(tx: Tx, change: Change, asker: Operator) -> None:
    partner_id, reason = change.after["partner"], change.after["reason"]
    present = await standings.hold(tx, partner_id)
    changes.assert_begins_with(change, {"partner": partner_id, "standing": present.standing})
    made = await partner_closing.close(tx, partner_id, reason=reason)
    after = change.after | standing_acts.ended(made)
    await operators.note(tx, asker, change.act, change.subject, reason, before=change.before, after=after)


async def _request_withdrawal(tx: Tx, change: Change, asker: Operator) -> None:
    meant = change.after
    books = await fence.share(tx, meant["partner"])
    named = {name: meant[name] for name in ("user_id", "address", "reference", "reason")}
    wanted = Wanted(**named, amount_btc=Decimal(meant["amount_btc"]))
    known = await operator_withdrawals.find(tx, books, wanted)
    changes.assert_begins_with(change, {"partner": books.partner_id, "withdrawal": known})
    made = await withdrawals.ask_for(tx, books, wanted, Decimal(meant["minimum_btc"]))
    after = meant | {"withdrawal": made.id}
    await operators.note(tx, asker, change.act, change.subject, wanted.reason, before=change.before, after=after)


async def _add_pool_receipt(tx: Tx, change: Change, asker: Operator) -> None:
    meant = {name: change.after[name] for name in ("reference", "reason")}
    day, amount_btc = date.fromisoformat(change.after["day"]), Decimal(change.after["amount_btc"])
    said = pool_receipts.by_word(day=day, amount_btc=amount_btc, **meant)
    changes.assert_begins_with(change, {"recorded": not await pool_receipts.unrecorded(tx, [said])})
    await pool_receipts.add(tx, [said])
    await operators.note(
        tx, asker, change.act, change.subject, meant["reason"], before=change.before, after=change.after
    )


async def _import_pool_receipts(tx: Tx, change: Change, asker: Operator) -> None:
    entered = [
        pool_files.line(
            day=date.fromisoformat(each["day"]),
            amount_btc=Decimal(each["amount_btc"]),
            txid=each["txid"],
            reference=each["reference"],
        )
        for each in change.after["lines"]
    ]
    new = await pool_receipts.unrecorded(tx, entered)
    changes.assert_begins_with(change, {"recorded": len(entered) - len(new)})
    await pool_receipts.add(tx, new)
    await operators.note(tx, asker, change.act, change.subject, before=change.before, after=change.after)


async def _reverse_pool_receipt(tx: Tx, change: Change, asker: Operator) -> None:
    receipt = await pool_receipts.lock(tx, change.after["receipt"])
    changes.assert_begins_with(change, pool.receipt_facts(receipt))
    reason = change.after["reason"]
    await pool_receipts.reverse(tx, receipt.id, reason=reason)
    await operators.note(tx, asker, change.act, change.subject, reason, before=change.before, after=change.after)


async def _correct(tx: Tx, change: Change, asker: Operator) -> None:
    after = change.after
    books = await fence.share(tx, after["partner"])
    facts = {name: after[name] for name in ("user_id", "currency", "reference", "reason")}
    wanted = corrections.Correction(**facts, amount=Decimal(after["amount"]))
    done = await corrections.is_done(tx, books.partner_id, wanted)
    changes.assert_begins_with(change, change.before | {"done": done})
    await corrections.correct(tx, books, wanted)
    await operators.note(tx, asker, change.act, change.subject, after["reason"], before=change.before, after=after)


async def _change_deployment(tx: Tx, change: Change, asker: Operator) -> None:
    changes.assert_begins_with(change, asdict((await facts.read(tx)).nature))
    wanted = Nature(**{name: value for name, value in change.after.items() if name != "reason"})
    _, after = await changing.change(tx, wanted)
    is_ = asdict(after.nature)
    await operators.note(tx, asker, change.act, change.subject, change.after["reason"], before=change.before, after=is_)


async def _set_key_scopes(tx: Tx, change: Change, asker: Operator) -> None:
    key = {"partner_id": change.after["partner"], "key_id": change.after["key"]}
    present = {row["id"]: row["scopes"] for row in await api_keys.list_keys(tx, key["partner_id"])}
    changes.assert_begins_with(
        change, {"partner": key["partner_id"], "key": key["key_id"], "scopes": present[key["key_id"]]}
    )
    await api_keys.set_scopes(tx, **key, scopes=change.after["scopes"])
    await operators.note(tx, asker, change.act, change.subject, before=change.before, after=change.after)


async def _rotate_key(tx: Tx, change: Change, asker: Operator) -> None:
    assert change.secret is not None, "it was asked for with a sealed secret"
    key = {"partner_id": change.after["partner"], "key_id": change.after["key"]}
    changes.assert_begins_with(change, await key_acts.rotation(tx, **key))
    await api_keys.take_secret(tx, **key, sealed=change.secret.encode())
    await operators.note(tx, asker, change.act, change.subject, before=change.before, after=change.after)


async def _adopt_wallet(tx: Tx, change: Change, asker: Operator) -> None:
    changes.assert_begins_with(change, await hot_wallet.kept(tx))
    await hot_wallet.adopt(tx, asker, change.after["reason"])


async def _acknowledge(tx: Tx, change: Change, asker: Operator) -> None:
    txids, unpaid = change.after["txids"], _numbers(change.after["unpaid"])
    # One that was acknowledged meanwhile is in nobody's way; what waits at its address by now is.
    await recorded_payments.acknowledge(tx, asker, txids, change.after["reason"], unpaid=unpaid)


async def _cancel_exported(tx: Tx, change: Change, asker: Operator) -> None:
    (number,) = _numbers([change.after["number"]])
    books = await fence.share(tx, number[0])
    changes.assert_begins_with(change, await recorded_payments.meant(tx, [number]))
    await exports.cancel(tx, books, asker, number[1], change.after["attested"])


async def _record(tx: Tx, act: Acting, change: Change, asker: Operator, seen: Seen | None) -> None:
    """A payment, of which the node was asked before, where there is one."""
    payment = Payment(change.after["txid"], _numbers(change.after["paid"]), _numbers(change.after["unpaid"]))
    named = await recorded_payments.meant(tx, [*payment.paid, *payment.unpaid])
    changes.assert_begins_with(change, named)
    await recorded_payments.write(tx, asker, payment, seen, act.deployment.settings.bitcoin_final_depth)


def _numbers(pairs: list[list[int]]) -> list[Number]:
    """Withdrawals as a change keeps them."""
    return [(partner_id, number) for partner_id, number in pairs]


# What is done once it is confirmed, in the name of who asked; and `payouts record`, which `_record` does.
DONE_BY: dict[str, Done] = {
    "deployment change": _change_deployment,
    "payouts policy": _set_payout_policy,
    "payouts resume": _resume,
    "partner payouts": _set_partner_terms,
    "partner credit-limit": _set_credit_limit,
    "partner reopen": _reopen,
    "partner close": _close_partner,
    "withdrawal request": _request_withdrawal,
    "partner payment record": _record_partner_payment,
    "catalogue put": _put_offer,
    "catalogue capacity": _set_capacity,
    "catalogue upgrades": _set_upgrades,
    "tariff set": _set_tariff,
    "programme fraction": _set_fraction,
    "programme cap": _set_discount_cap,
    "programme levels": _set_levels,
    "rates confirm": _confirm_rates,
    "rates policy": _set_rates_policy,
    "day adjust": _adjust_day,
    "partner portal invite": members.confirmed_invitation,
    "operator add": _add_operator,
    "operator role": _set_role,
    "operator password": _set_password,
    "operator policy": _set_operator_policy,
    "operator alone": _set_alone,
    "partner payment reverse": _reverse_payment,
    "pool receipt add": _add_pool_receipt,
    "pool receipt import": _import_pool_receipts,
    "pool receipt reverse": _reverse_pool_receipt,
    "partner key create": _set_key_scopes,
    "partner key rotate": _rotate_key,
    "partner key scopes": _set_key_scopes,
    "payouts adopt": _adopt_wallet,
    "payouts acknowledge": _acknowledge,
    "payouts cancel": _cancel_exported,
    "order refund": _refund,
    "user credit": _correct,
    "user debit": _correct,
}
