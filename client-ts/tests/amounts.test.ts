import assert from "node:assert/strict";
import { test } from "node:test";

import { compare, sum } from "../src/amounts.ts";

test("a sum is exact", () => {
  assert.equal(sum([]), "0");
  assert.equal(sum(["0.1", "0.2"]), "0.3");
  assert.equal(sum(["1", 2n, "-3.50", "0.000000000000000001"]), "-0.499999999999999999");
  assert.equal(sum(["0.5", "0.5"]), "1");
  assert.equal(sum(Array.from({ length: 1000 }, () => "0.001")), "1");
});

test("amounts compare by their value", () => {
  assert.equal(compare("1.50", "1.5"), 0);
  assert.equal(compare("-2", "1"), -1);
  assert.equal(compare("0.10000000000000001", "0.1"), 1);
});

test("what is no amount is refused", () => {
  for (const wrong of ["", "1e3", "x", "1.", ".5"]) assert.throws(() => sum([wrong]), TypeError);
});
