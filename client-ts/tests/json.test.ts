import assert from "node:assert/strict";
import { test } from "node:test";

import { compact, plain, printed, queryText, readExactly } from "../src/json.ts";

test("amounts keep every digit, counts are numbers", () => {
  const text = '{"id": 7, "value": 0.100000000000000001, "power": 4, "fee": 6e-05, "rows": 1e3, "n": 9007199254740993}';
  assert.deepEqual(readExactly(text), {
    id: 7,
    value: "0.100000000000000001",
    power: "4",
    fee: "0.00006",
    rows: "1000",
    n: "9007199254740993",
  });
});

test("an amount is one in a list and under a list too", () => {
  assert.deepEqual(readExactly('{"value":[1,2.50],"array":[{"value":3,"n":[4]}]}'), {
    value: ["1", "2.50"],
    array: [{ value: "3", n: [4] }],
  });
});

test("texts, names and what looks like a number inside them stay as they are", () => {
  const value = { 'a"1': "5", "\\": '#1 "2" \\" 3', "$x": "é\n🦊", __proto__x: null, n: [true, false, {}, [], ""] };
  assert.deepEqual(readExactly(JSON.stringify(value, null, 2)), value);
  const own = readExactly('{"__proto__":{"value":1}}') as object;
  assert.deepEqual(Object.getOwnPropertyNames(own), ["__proto__"]);
});

test("what is no JSON is refused as JSON.parse refuses it", () => {
  for (const text of ["", "{", "01", "1.", "+1", "NaN", '"\n"', "{'a':1}", "[1,]", '{"a":1}x', '"\\u12"']) {
    assert.throws(() => readExactly(text), SyntaxError, text);
    assert.throws(() => JSON.parse(text) as unknown, SyntaxError, text);
  }
  assert.throws(() => readExactly("1e999"), /beyond every real amount/);
});

test("random documents read as JSON.parse reads them, but for the digits", () => {
  let seed = 7;
  const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
  const make = (depth: number): unknown => {
    const kind = random(depth > 3 ? 4 : 6);
    if (kind === 0) return String.fromCharCode(...Array.from({ length: random(6) }, () => 32 + random(96)));
    if (kind === 1) return random(100000);
    if (kind === 2) return random(2) === 0;
    if (kind === 3) return null;
    const items = Array.from({ length: random(4) }, () => make(depth + 1));
    return kind === 4 ? items : Object.fromEntries(items.map((item, at) => [`k${at}"\\${at}`, item]));
  };
  for (let turn = 0; turn < 500; turn += 1) {
    const value = make(0);
    assert.deepEqual(readExactly(JSON.stringify(value, null, random(3))), value);
  }
});

test("exponents become digits", () => {
  const cases = { "1.5e3": "1500", "12.5e-1": "1.25", "-6e-05": "-0.00006", "0e5": "0", "1E2": "100", "3.10": "3.10" };
  for (const [text, found] of Object.entries(cases)) assert.equal(plain(text), found, text);
});

test("a body is printed with the digits that were given", () => {
  const body = { amount: "0.10", userId: 7, data: { toPower: 5n, type: "x" }, left: undefined, at: new Date(0) };
  assert.equal(
    printed(body, ""),
    '{"amount":0.10,"userId":7,"data":{"toPower":5,"type":"x"},"at":"1970-01-01T00:00:00.000Z"}',
  );
});

test("a float, and what is no decimal number, is refused by name", () => {
  for (const amount of [0.1, 1, "0,1", "1e3", "", " 1", "01", "0x1", true, null, new Date(NaN)]) {
    assert.throws(() => printed({ amount }, ""), /^TypeError: amount/, String(amount));
    assert.throws(() => queryText(amount, "amount"), /^TypeError: amount/, String(amount));
  }
  for (const limit of [0.5, NaN, Infinity, 2 ** 53, Symbol("x"), () => 1, new Date(NaN)]) {
    assert.throws(() => printed({ limit }, ""), /^TypeError: limit/);
    assert.throws(() => queryText(limit, "limit"), /^TypeError: limit/);
  }
});

test("JSON that was printed with spaces or escapes is printed anew", () => {
  assert.equal(compact('{ "a": [1.50,\n 6e-05, "\\u00e9\\/" ] }'), '{"a":[1.50,0.00006,"é/"]}');
});
