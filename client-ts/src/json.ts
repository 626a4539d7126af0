// JSON without floats: a number is read and printed digit by digit, never by way of a double.

import { AMOUNTS, GIVEN_AMOUNTS } from "./generated/operations.ts";

/** An exact amount as the API tells it: decimal digits as text, without an exponent. */
export type Amount = string;

/** An amount as a call takes it: its digits as text ("0.001"), or a whole number as a bigint. Never a number. */
export type AmountLike = string | bigint;

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;
const DIGITS = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/;
const WHOLE = /^-?\d+$/;
// No amount of this world has more digits on either side of its point.
const MAX_EXPONENT = 400;
const TEXT = "$";
const NUMERAL = "#";

/** The digits of a JSON number without an exponent: 6e-5 is 0.00006. */
export function plain(number: string): string {
  const found = NUMBER.exec(number);
  if (found === null) throw new SyntaxError(`${number.slice(0, 64)} is no JSON number`);
  const [, sign = "", whole = "", fraction = "", exponent] = found;
  if (exponent === undefined) return number;
  const moved = Number(exponent);
  if (Math.abs(moved) > MAX_EXPONENT) throw new SyntaxError(`${number.slice(0, 64)} is beyond every real amount`);
  const point = whole.length + moved;
  const digits = `${"0".repeat(Math.max(0, 1 - point))}${whole}${fraction}`.padEnd(point, "0");
  const at = Math.max(point, 1);
  const front = digits.slice(0, at).replace(/^0+(?=\d)/, "");
  const back = digits.slice(at).replace(/0+$/, "");
  return `${sign}${front}${back === "" ? "" : `.${back}`}`;
}

/**
 * JSON with every number exact: amounts, which are known by their names, and all that is no whole number are text; what
 * counts things is a number. Throws a SyntaxError for what is not JSON.
 *
 * The engine's own parser does the work. Numbers are put between quotes before it sees them, and a mark in front of
 * every text tells them apart afterwards.
 */
export function readExactly(text: string): Json {
  JSON.parse(text);
  const marked = text.replace(TOKEN, (token) =>
    token.startsWith('"') ? `"${TEXT}${token.slice(1)}` : `"${NUMERAL}${token}"`,
  );
  return unmarked(JSON.parse(marked) as Json, "");
}

function unmarked(value: Json, name: string): Json {
  if (typeof value === "string") {
    const text = value.slice(1);
    return value.startsWith(NUMERAL) ? numeral(text, name) : text;
  }
  if (Array.isArray(value)) return value.map((each) => unmarked(each, name));
  if (value === null || typeof value !== "object") return value;
  const members = Object.entries(value).map(([key, each]) => [key.slice(1), unmarked(each, key.slice(1))] as const);
  return Object.fromEntries(members);
}

function numeral(text: string, name: string): Json {
  if (!AMOUNTS.has(name) && WHOLE.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  return plain(text);
}

/** JSON text without spaces, its strings as JSON.stringify prints them, its numbers without exponents. */
export function compact(text: string): string {
  JSON.parse(text);
  const tokens = text.match(new RegExp(`${TOKEN.source}|[^\\s]`, "g")) ?? [];
  return tokens.map(reprinted).join("");
}

function reprinted(token: string): string {
  if (token.startsWith('"')) return JSON.stringify(JSON.parse(token));
  return NUMBER.test(token) ? plain(token) : token;
}

/**
 * An argument as the JSON text that is signed and sent; the digits of an amount stand as they were given. Members that
 * are undefined are left out. Throws a TypeError that names what cannot be sent exactly.
 */
export function printed(value: unknown, name: string): string {
  if (GIVEN_AMOUNTS.has(name)) return digits(value, name);
  if (value === null || typeof value === "boolean" || typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number" || typeof value === "bigint") return whole(value, name);
  if (value instanceof Date) return JSON.stringify(moment(value, name));
  if (Array.isArray(value)) return `[${value.map((each) => printed(each, name)).join(",")}]`;
  if (typeof value !== "object") throw new TypeError(`${name}: a ${typeof value} cannot be sent`);
  const members = Object.entries(value).filter(([, each]) => each !== undefined);
  return `{${members.map(([key, each]) => `${JSON.stringify(key)}:${printed(each, key)}`).join(",")}}`;
}

/** An argument as a query carries it, not yet percent-encoded. Throws a TypeError like `printed`. */
export function queryText(value: unknown, name: string): string {
  if (GIVEN_AMOUNTS.has(name)) return digits(value, name);
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  if (typeof value === "number" || typeof value === "bigint") return whole(value, name);
  if (value instanceof Date) return moment(value, name);
  throw new TypeError(`${name}: a ${typeof value} cannot be sent in a query`);
}

function digits(value: unknown, name: string): string {
  if (typeof value === "bigint") return String(value);
  if (typeof value === "string" && DIGITS.test(value)) return value;
  if (typeof value !== "string") throw new TypeError(`${name} is an amount: pass its digits as text, such as "0.001"`);
  throw new TypeError(`${name}: ${JSON.stringify(value.slice(0, 64))} is no decimal number; write it like "0.001"`);
}

function whole(value: number | bigint, name: string): string {
  if (typeof value === "bigint" || Number.isSafeInteger(value)) return String(value);
  throw new TypeError(`${name}: ${value} is no whole number that a double holds exactly`);
}

function moment(value: Date, name: string): string {
  if (Number.isNaN(value.getTime())) throw new TypeError(`${name}: the Date is invalid`);
  return value.toISOString();
}
