"""`hashrail ton-proof`: ask why a TON Connect proof is not accepted.

It reads the body of a check-proof request and judges it as the API does, offline. What the API looks up in its database
and on chain comes from a policy file.
"""

import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import typer
from msgspec import Meta, Struct, field

from hashrail import clock
from hashrail.access import ton_proof
from hashrail.access.ton_proof import Account, Claim, PayloadState, Terms
from hashrail.access.ton_wallet import ChainKey, NoAnswer, NoKey, NotDeployed, OnChain, Step, TonProofRefusal
from hashrail.cli.examples import example
from hashrail.cli.printing import Shape, about, prints, show_json, usage_error
from hashrail_client.signing import SignatureFault, read_body

# Seconds since 1970, to the end of the calendar; a span of seconds, to a century.
Seconds = Annotated[int, Meta(ge=0, le=253_402_300_799)]
Span = Annotated[int, Meta(ge=0, le=3_155_760_000)]
Key = Annotated[str, Meta(pattern="^[0-9a-fA-F]{64}$")]


class IssuedPayload(Struct, forbid_unknown_fields=True):
    """A payload that generate-payload has given out."""

    partner: str
    expires_at: Seconds
    state: Literal["issued", "consumed"]


class ChainLookup(Struct, forbid_unknown_fields=True):
    """What the TON endpoint would tell about the account."""

    state: Literal["active", "uninit", "error"]
    public_key: Key | None = None


class Policy(Struct, forbid_unknown_fields=True):
    """What the proof is judged by. Without `domains_by_partner` any domain is taken for the partner's, without
    `payloads` any payload for an issued one; without `chain_lookup` there is no chain to ask."""

    now: Seconds | None = None
    chain: str = ton_proof.MAINNET
    max_age_seconds: Span = int(ton_proof.MAX_AGE.total_seconds())
    max_future_skew_seconds: Span = int(ton_proof.MAX_AHEAD.total_seconds())
    workchains: tuple[Literal[0, -1], ...] = (0, -1)
    domains_by_partner: dict[str, list[str]] | None = None
    payloads: dict[str, IssuedPayload] | None = None
    chain_lookup: ChainLookup | None = None

    @property
    def terms(self) -> Terms:
        """The part of the policy that needs no look-up."""
        return Terms(
            now=clock.wall_now() if self.now is None else clock.from_seconds(self.now),
            chain=self.chain,
            max_age=timedelta(seconds=self.max_age_seconds),
            max_ahead=timedelta(seconds=self.max_future_skew_seconds),
        )

    @property
    def not_checked(self) -> list[str]:
        """The steps that the policy says nothing about."""
        known = {Step.PAYLOAD: self.payloads, Step.DOMAIN: self.domains_by_partner}
        return [step.value for step, value in known.items() if value is None]


class ProvenAccount(Shape, kw_only=True):
    """Whose proof it is. Names as in a policy."""

    address: Annotated[str, about("the account, workchain:hash")]
    public_key: Annotated[str, about("its key, hexadecimal")] = field(name="public_key")
    wallet: Annotated[str | None, about("the kind of wallet, where its code is known")]


class Report(Shape, kw_only=True):
    """How a proof was judged."""

    verdict: Annotated[Literal["accept", "reject"], about("whether the API would accept it")]
    step: Annotated[str | None, about("the check that failed")]
    code: Annotated[str | None, about("the API's code for the refusal")]
    why: Annotated[str, about("the same in words")]
    account: Annotated[ProvenAccount | None, about("the account that is proven")]
    details: Annotated[dict[str, Any], about("figures of the refusal")]
    not_checked: Annotated[list[str], about("checks that the policy says nothing about")]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the proof was judged: the account, or the step and code of the refusal."""

    account: Account | None
    step: str | None
    code: str | None
    why: str
    details: dict[str, object]


app = typer.Typer(no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `explain` a command of its own: Typer would fold a lone one into its group."""


@app.command("explain", epilog=example("hashrail ton-proof explain body.json --policy policy.json"))
@prints(Report)
def explain(
    body: Annotated[
        Path, typer.Argument(help="The body of the check-proof request, JSON; - is standard input.", allow_dash=True)
    ],
    policy: Annotated[
        Path | None,
        typer.Option(
            help="JSON: now, chain, max_age_seconds, max_future_skew_seconds, workchains, domains_by_partner, "
            "payloads, chain_lookup; each may be left out."
        ),
    ] = None,
) -> None:
    """Print one JSON object with the verdict; the exit status is 0 for accept, 1 for reject, 2 for unusable input.

    "step" names the check that failed: shapes, chain, payload, domain, time, state_init, key, public_key, signature;
    "code" is the API's. Without --policy the time is now, the chain is mainnet's, no chain is asked, and any domain
    and payload are taken for good: "notChecked" lists such steps, and accept means that all others hold.
    """
    judged_by = Policy() if policy is None else _read_policy(policy)
    verdict = _judge(_read(body), judged_by)
    account = verdict.account
    shown = Report(
        verdict="reject" if account is None else "accept",
        step=verdict.step,
        code=verdict.code,
        why=verdict.why,
        account=None if account is None else _shown(account),
        details=verdict.details,
        not_checked=judged_by.not_checked,
    )
    show_json(shown, indent=None)
    if account is None:
        raise typer.Exit(1)


def _judge(raw: bytes, policy: Policy) -> Verdict:
    try:
        members = read_body(raw).members
    except SignatureFault as fault:
        if fault.code != "DUPLICATE_FIELD":
            raise usage_error(f"{fault.message}. {fault.advice}") from fault
        return Verdict(None, Step.SHAPES.value, fault.code, f"{fault.message}. {fault.advice}", fault.details)
    try:
        claim = ton_proof.read(members, workchains=policy.workchains)
        wallet = ton_proof.examine(claim, policy.terms, _payload_state(claim, policy))
        account = ton_proof.prove(claim, wallet, _on_chain(policy.chain_lookup))
    except TonProofRefusal as refusal:
        details = {name: value for name, value in refusal.details.items() if name != "step"}
        return Verdict(None, refusal.step.value, refusal.code, f"{refusal.message}. {refusal.advice}", details)
    return Verdict(account, None, None, "every check holds", {})


def _payload_state(claim: Claim, policy: Policy) -> PayloadState | None:
    """What the database would tell of the claim's payload; what the policy does not say is taken for good."""
    domains = policy.domains_by_partner
    if policy.payloads is None:
        anyones = [claim.domain] if domains is None else [name for names in domains.values() for name in names]
        return PayloadState(anyones, policy.terms.now + timedelta(seconds=1), used=False)
    issued = policy.payloads.get(claim.payload)
    if issued is None:
        return None
    partners = [claim.domain] if domains is None else domains.get(issued.partner, [])
    return PayloadState(partners, clock.from_seconds(issued.expires_at), used=issued.state == "consumed")


def _on_chain(lookup: ChainLookup | None) -> OnChain | None:
    if lookup is None:
        return None
    match lookup.state:
        case "active" if lookup.public_key is not None:
            return ChainKey(bytes.fromhex(lookup.public_key))
        case "active":
            return NoKey("the policy's chain_lookup names no public_key")
        case "uninit":
            return NotDeployed()
        case "error":
            return NoAnswer("the policy's chain_lookup is an error")


def _shown(account: Account) -> ProvenAccount:
    return ProvenAccount(address=account.address, public_key=account.public_key.hex(), wallet=account.wallet)


def _read_policy(path: Path) -> Policy:
    try:
        return msgspec.json.decode(_read(path), type=Policy)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise usage_error(f"the policy cannot be read: {error}") from error


def _read(path: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise usage_error(f"cannot read {path}: {error.strerror}") from error
