import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";

import { HashrailWebhookError, verifyWebhook, type WebhookFault } from "../src/index.ts";

const KEY = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const SECRET = `whsec_${KEY}`;
const NOW_MS = 1_772_366_451_000;
const SECONDS = String(NOW_MS / 1000);
const BODY = '{"type":"order.issued","timestamp":"t","data":{"position":5,"data":{"value":0.10,"note":"é/\\n"}}}';

function signed(body: string, timestamp = SECONDS, secret = KEY): Record<string, string> {
  const text = `e-1.${timestamp}.${body}`;
  const signature = createHmac("sha256", Buffer.from(secret, "base64")).update(text).digest("base64");
  return { "webhook-id": "e-1", "webhook-timestamp": timestamp, "webhook-signature": `v1,AAAA v1,${signature}` };
}

async function refused(code: WebhookFault, ...[body, headers, secrets]: Parameters<typeof verifyWebhook>) {
  await assert.rejects(verifyWebhook(body, headers, secrets, { nowMs: NOW_MS }), (error) => {
    assert.ok(error instanceof HashrailWebhookError);
    assert.equal(error.code, code);
    return true;
  });
}

test("the specification's own example is verified", async () => {
  const headers = new Headers({
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  });
  const body = '{"test": 2432232314}';
  const found = await verifyWebhook(body, headers, SECRET, { nowMs: 1_614_265_330_000 });
  assert.deepEqual(found, { test: 2432232314 });
});

test("what is ours is read with exact amounts", async () => {
  const found = await verifyWebhook(new TextEncoder().encode(BODY), signed(BODY), ["whsec_b3RoZXI=", SECRET], {
    nowMs: NOW_MS + 299_000,
  });
  assert.equal(found.type, "order.issued");
  assert.deepEqual(found.data.data, { value: "0.10", note: "é/\n" });
});

test("Node's headers are read in any case", async () => {
  const headers = Object.fromEntries(Object.entries(signed(BODY)).map(([name, value]) => [name.toUpperCase(), value]));
  assert.equal((await verifyWebhook(BODY, headers, SECRET, { nowMs: NOW_MS })).type, "order.issued");
});

test("a body that was written again is told apart from a forged one", async () => {
  const spaced = JSON.stringify(JSON.parse(BODY.replace("0.10", '"0.10"')), null, 1).replace('"0.10"', "0.10");
  await refused("BODY_RESERIALISED", spaced, signed(BODY), SECRET);
  await refused("BODY_RESERIALISED", BODY.replace("é/", "\\u00e9\\/"), signed(BODY), SECRET);
  await refused("BODY_RESERIALISED", JSON.parse(BODY) as string, signed(BODY), SECRET);
  await refused("SIGNATURE_MISMATCH", spaced.replace("0.10", "0.11"), signed(BODY), SECRET);
  await refused("BODY_NOT_JSON", BODY.slice(0, -1), signed(BODY), SECRET);
});

test("each fault has its code", async () => {
  await refused("SIGNATURE_MISMATCH", BODY, signed(BODY, SECONDS, "b3RoZXI="), SECRET);
  await refused("SIGNATURE_MISMATCH", BODY, { ...signed(BODY), "webhook-id": "e-2" }, SECRET);
  await refused("HEADER_MISSING", BODY, { ...signed(BODY), "webhook-id": undefined }, SECRET);
  await refused("TIMESTAMP_FORMAT", BODY, signed(BODY, "soon"), SECRET);
  await refused("TIMESTAMP_OLD", BODY, signed(BODY, String(NOW_MS / 1000 - 301)), SECRET);
  await refused("TIMESTAMP_AHEAD", BODY, signed(BODY, String(NOW_MS / 1000 + 301)), SECRET);
  await refused("SECRET_FORMAT", BODY, signed(BODY), "whsec_?");
  await refused("SECRET_FORMAT", BODY, signed(BODY), "");
});
