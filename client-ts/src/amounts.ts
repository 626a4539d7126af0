// Adding and comparing amounts without a float. For anything more, hand their text to a library for decimals.

import type { Amount, AmountLike } from "./json.ts";

const PARTS = /^(-?)(\d+)(?:\.(\d+))?$/;

interface Scaled {
  readonly units: bigint;
  readonly decimals: number;
}

function scaled(amount: AmountLike): Scaled {
  const found = PARTS.exec(String(amount));
  if (found === null) throw new TypeError(`${JSON.stringify(String(amount).slice(0, 64))} is no amount`);
  const [, sign = "", whole = "", fraction = ""] = found;
  return { units: BigInt(`${sign}${whole}${fraction}`), decimals: fraction.length };
}

function at(amount: Scaled, decimals: number): bigint {
  return amount.units * 10n ** BigInt(decimals - amount.decimals);
}

/** What amounts add up to, exactly; of none, "0". Throws a TypeError for what is no amount. */
export function sum(amounts: Iterable<AmountLike>): Amount {
  const all = [...amounts].map(scaled);
  const decimals = Math.max(0, ...all.map((each) => each.decimals));
  const total = all.reduce((so_far, each) => so_far + at(each, decimals), 0n);
  const digits = String(total < 0n ? -total : total).padStart(decimals + 1, "0");
  const front = digits.slice(0, digits.length - decimals);
  const back = digits.slice(digits.length - decimals).replace(/0+$/, "");
  return `${total < 0n ? "-" : ""}${front}${back === "" ? "" : `.${back}`}`;
}

/** Negative where the first is less, 0 where both are the same amount however written, else positive. */
export function compare(first: AmountLike, second: AmountLike): -1 | 0 | 1 {
  const [one, other] = [scaled(first), scaled(second)];
  const decimals = Math.max(one.decimals, other.decimals);
  const difference = at(one, decimals) - at(other, decimals);
  return difference === 0n ? 0 : difference < 0n ? -1 : 1;
}
