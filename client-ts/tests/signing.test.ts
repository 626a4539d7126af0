import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { hexDigest, signBodyText, signHeaders, signQueryText } from "../src/signing.ts";

interface Vector {
  readonly name: string;
  readonly method: string;
  readonly wire: string;
  readonly expect: string;
}

// The same vectors as the Python SDK's and the server's.
const VECTORS = new URL("../../client/tests/signing.json", import.meta.url);
const { secret, cases } = JSON.parse(readFileSync(VECTORS, "utf8")) as { secret: string; cases: Vector[] };
const SIGNED_LAST = [
  /^(?<text>.*)&signature=(?<claimed>[0-9a-f]{64})$/,
  /^(?<front>.*),\s?"signature":\s?"(?<claimed>[0-9a-f]{64})"\}$/,
];

test("what the vectors accept is what is signed here", async () => {
  let seen = 0;
  for (const { name, method, wire } of cases.filter((each) => each.expect.startsWith("accept"))) {
    const found = SIGNED_LAST[method === "GET" ? 0 : 1]?.exec(wire)?.groups;
    if (found === undefined || name === "dates raw and encoded") continue;
    const text = found["text"] ?? `${found["front"]}}`;
    assert.equal(await hexDigest(secret, text), found["claimed"], name);
    const signed = method === "GET" ? await signQueryText(secret, text) : await signBodyText(secret, text);
    assert.equal(signed.replaceAll(" ", ""), wire.replaceAll(" ", ""), name);
    seen += 1;
  }
  assert.ok(seen >= 12, `${seen} vectors`);
});

test("what is signed already is not signed again", async () => {
  await assert.rejects(signQueryText(secret, "a=1&signature=00"), /signed already/);
  await assert.rejects(signBodyText(secret, '{"signature":"00"}'), /signed already/);
  await assert.rejects(signBodyText(secret, "[1]"), /no JSON object/);
});

test("an empty object gets its signature without a comma", async () => {
  assert.match(await signBodyText(secret, "{}"), /^\{"signature":"[0-9a-f]{64}"\}$/);
});

test("headers cover time, method, path, query and the body's hash", async () => {
  const request = { method: "post", path: "/api/x", query: "a=1", body: '{"ü":1}' };
  const headers = await signHeaders(secret, 5, request, 1000);
  const hash = createHash("sha256").update(request.body).digest("hex");
  const text = `5 1000\nPOST\n/api/x\na=1\n${hash}`;
  assert.deepEqual(headers, {
    "X-PARTNER-SIGNATURE": createHmac("sha256", secret).update(text).digest("hex"),
    "X-PARTNER-TIMESTAMP": "5",
    "X-PARTNER-RECV-WINDOW": "1000",
  });
});
