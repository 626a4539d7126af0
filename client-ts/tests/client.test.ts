import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { test } from "node:test";

import {
  DownloadDiffersError,
  Hashrail,
  HashrailApiError,
  HashrailNetworkError,
  type TokenPair,
  UserHashrail,
} from "../src/index.ts";
import { data, refusal, Stub } from "./stub.ts";

const SECRET = "123a6fd0-f542-46dc-a91b-627146deb6c9";
const NOW = 1_721_656_927_974;

function server(stub: Stub, options = {}): Hashrail {
  return new Hashrail("https://hashrail.example/", "key", SECRET, { ...stub.options, ...options });
}

const hmac = (text: string) => createHmac("sha256", SECRET).update(text).digest("hex");

test("a GET is signed in its query", async () => {
  const stub = new Stub(data('{"array":[{"id":1,"power":2.5}]}'));
  const found = await server(stub).miners.list("a b&ü", { limit: 5 });
  assert.equal(found.array[0]?.power, "2.5");
  const query = `partnerUserId=a%20b%26%C3%BC&limit=5&timestamp=${NOW}`;
  const path = "https://hashrail.example/api/partner/s2s/nft/find-by-user";
  assert.equal(stub.asked[0]?.url.href, `${path}?${query}&signature=${hmac(query)}`);
  assert.equal(stub.asked[0]?.headers.get("X-PARTNER-API-KEY"), "key");
});

test("a POST is signed in its body, amounts digit by digit, and answers the number in a header", async () => {
  const stub = new Stub(data("true", { "X-Withdrawal-Id": "17" }));
  const number = await server(stub, { recvWindowMs: 9000 }).withdrawals.create("alice", "bcrt1q", "0.10");
  assert.equal(number, 17);
  const text = `{"partnerUserId":"alice","walletAddress":"bcrt1q","amount":0.10,"timestamp":${NOW},"recvWindow":9000}`;
  assert.equal(stub.asked[0]?.body, `${text.slice(0, -1)},"signature":"${hmac(text)}"}`);
});

test("a write is repeated under the same key after a lost answer, a 429 and a 503", async () => {
  const lost = new TypeError("fetch failed");
  const limited = refusal(429, "RATE_LIMITED", {}, { "Retry-After": "7" });
  const stub = new Stub(lost, limited, refusal(503, "BUSY"), data("true"));
  assert.equal(await server(stub).wallets.bind("alice", "bcrt1q"), true);
  const keys = new Set(stub.asked.map((asked) => asked.headers.get("Idempotency-Key")));
  assert.equal(stub.asked.length, 4);
  assert.equal(keys.size, 1);
  assert.match([...keys][0] ?? "", /^[0-9a-f-]{36}$/);
  assert.equal(stub.pauses[1], 7000);
  assert.ok(stub.pauses.every((pause) => pause > 0));
});

test("what is refused is not repeated, and tells all that it knows", async () => {
  const stub = new Stub(refusal(409, "INSUFFICIENT_FUNDS", { available: 0.1, needed: 1 }));
  const asking = server(stub).withdrawals.createFast("alice", "bcrt1q", 1n, { idempotencyKey: "mine" });
  await assert.rejects(asking, (error) => {
    assert.ok(error instanceof HashrailApiError);
    const { status, code, requestId, idempotencyKey, details } = error;
    assert.deepEqual([status, code, requestId, idempotencyKey], [409, "INSUFFICIENT_FUNDS", "r-1", "mine"]);
    assert.equal(details["available"], "0.1");
    assert.ok(error.is("INSUFFICIENT_FUNDS"));
    return true;
  });
  assert.equal(stub.asked.length, 1);
});

test("retries end, with the key that the call may be repeated under", async () => {
  const stub = new Stub(...Array.from({ length: 3 }, () => new TypeError("fetch failed")));
  const asking = server(stub, { retries: 2 }).sessions.end("alice", { idempotencyKey: "k" });
  await assert.rejects(asking, (error) => error instanceof HashrailNetworkError && error.idempotencyKey === "k");
  assert.equal(stub.asked.length, 3);
});

test("a Retry-After of more than a minute is left to the caller", async () => {
  const stub = new Stub(refusal(429, "RATE_LIMITED", {}, { "Retry-After": "61" }));
  await assert.rejects(server(stub).miners.list("alice"), { retryAfterSeconds: 61 });
});

test("a wallet's proof is not sent twice when its answer was lost", async () => {
  const domain = { lengthBytes: 15, value: "partner.example" };
  const proof = { domain, payload: "p", signature: "s", timestamp: 5 };
  const wallet = {
    account: { address: "0:00", chain: "-239", walletStateInit: "" },
    connectItems: { tonProof: { name: "ton_proof" as const, proof } },
  };
  const lost = new Stub(new TypeError("fetch failed"));
  await assert.rejects(server(lost).ton.checkProof(wallet), HashrailNetworkError);
  const busy = new Stub(refusal(503, "BUSY"), data("{}"));
  await server(busy).ton.checkProof(wallet);
  assert.deepEqual(JSON.parse(busy.asked[1]?.body ?? ""), { tonWallet: wallet });
  assert.equal(busy.asked.length, 2);
});

test("a wrong clock is corrected once, and stays corrected", async () => {
  const wrong = () => refusal(401, "TIMESTAMP_AHEAD", { serverTime: NOW - 90_000 });
  const stub = new Stub(wrong(), data("{}"), data("{}"), wrong(), wrong());
  const client = server(stub);
  await client.users.statistics("alice");
  await client.users.statistics("alice");
  const times = stub.asked.map((asked) => Number(asked.url.searchParams.get("timestamp")));
  assert.deepEqual(times, [NOW, NOW - 90_000, NOW - 90_000]);
  await assert.rejects(client.users.statistics("alice"), { code: "TIMESTAMP_AHEAD" });
  assert.equal(stub.asked.length, 5);
});

test("an answer that is not the API's says so", async () => {
  const page = new Response("<h1>Bad gateway</h1>", { status: 500, headers: { "Content-Type": "text/html" } });
  await assert.rejects(server(new Stub(page)).miners.list("alice"), { code: "NOT_THE_API", status: 500 });
  await assert.rejects(server(new Stub(new Response("{}"))).miners.list("alice"), { code: "NOT_THE_API", status: 200 });
});

test("another prefix, other paths and a base under a path", async () => {
  const stub = new Stub(data("{}"), data("{}"), data("{}"));
  const options = { ...stub.options, prefix: "/v2", paths: { s2s_miners: "/v1/miners" } };
  const client = new Hashrail("https://proxy.example/rail", "key", SECRET, options);
  await client.miners.list("alice");
  await client.users.statistics("alice");
  await client.sandbox.advance({ days: 1 });
  const found = stub.asked.map((asked) => asked.url.pathname);
  assert.deepEqual(found, ["/rail/v1/miners", "/rail/v2/s2s/user/get-statistics", "/rail/api/sandbox/advance"]);
});

test("a call can be given up", async () => {
  const reason = new Error("the page was left");
  const asking = server(new Stub(data("{}"))).miners.list("alice", { signal: AbortSignal.abort(reason) });
  await assert.rejects(asking, (error) => error === reason);
});

test("pages are read to their end", async () => {
  const stub = new Stub(data('{"array":[{"id":1},{"id":2}],"nextCursor":"c"}'), data('{"array":[{"id":3}]}'));
  const client = server(stub);
  const ids: number[] = [];
  for await (const miner of client.miners.iterate("alice", { limit: 2 })) ids.push(miner.id);
  assert.deepEqual(ids, [1, 2, 3]);
  assert.deepEqual(stub.asked.map((asked) => asked.url.searchParams.get("cursor")), [null, "c"]);
});

test("events are followed through a server that is away", async () => {
  const page = (positions: number[], last: number, hasMore: boolean) =>
    data(JSON.stringify({ events: positions.map((position) => ({ position })), last, hasMore }));
  const away = () => refusal(503, "DATABASE_DOWN");
  const stub = new Stub(page([4, 6], 6, true), away(), page([7], 7, false));
  const found: number[] = [];
  const client = server(stub, { retries: 0 });
  for await (const event of client.events.follow({ after: 3, types: "order.issued", waitSeconds: 0 })) {
    found.push(event.position);
  }
  assert.deepEqual(found, [4, 6, 7]);
  assert.deepEqual(stub.asked.map((asked) => asked.url.searchParams.get("after")), ["3", "6", "6"]);
  assert.deepEqual(stub.pauses, [1000]);
});

test("a number that was cut off on its way is null, not 0", async () => {
  assert.equal(await server(new Stub(data("true"))).withdrawals.create("alice", "bcrt1q", "1"), null);
});

test("an export is held against its checksum", async () => {
  const file = "a,b\n1,2\n";
  const sha256 = createHash("sha256").update(file).digest("hex");
  const told = (sum: string) => data(`{"id":4,"state":"done","bytes":${file.length},"sha256":"${sum}"}`);
  const part = () => new Response(file, { status: 206 });
  const stub = new Stub(told(sha256), new TypeError("fetch failed"), part());
  assert.equal(new TextDecoder().decode(await server(stub).download(4)), file);
  assert.equal(stub.asked[2]?.headers.get("Range"), `bytes=0-${file.length - 1}`);
  assert.equal(stub.asked[2]?.headers.get("If-Range"), `"${sha256}"`);
  await assert.rejects(server(new Stub(told("00"), part())).download(4), DownloadDiffersError);
  await assert.rejects(server(new Stub(told(sha256), new Response(file))).download(4), { code: "NOT_THE_API" });
});

test("an export that is not done is not downloaded", async () => {
  const stub = new Stub(data('{"id":1,"state":"waiting","bytes":null,"sha256":null}'));
  await assert.rejects(server(stub).download(1), /the export is waiting/);
});

test("a user's token is renewed once for all calls that wait for it", async () => {
  const kept: (TokenPair | null)[] = [];
  const fresh = '{"jwtToken":"j2","refreshToken":"r2","userId":1,"partnerUserId":"alice"}';
  const renewed = Promise.withResolvers<void>();
  const byToken = async (asked: { url: URL; headers: Headers }): Promise<Response> => {
    if (asked.url.pathname.endsWith("/refresh")) return data(fresh);
    const isOld = asked.headers.get("Authorization") === "Bearer j1";
    // This refusal comes when the other call has renewed the token already.
    if (isOld && asked.url.pathname.endsWith("/get-balances")) await renewed.promise;
    return isOld ? refusal(401, "TOKEN_EXPIRED") : data('{"array":[]}');
  };
  const stub = new Stub(...Array.from({ length: 5 }, () => byToken));
  const user = new UserHashrail("https://hashrail.example", {
    ...stub.options,
    publishableKey: "pk",
    tokens: { jwtToken: "j1", refreshToken: "r1" },
    onTokens: (tokens) => {
      kept.push(tokens);
      renewed.resolve();
    },
  });
  await Promise.all([user.miners.list(), user.balances.list()]);
  assert.deepEqual(kept, [{ jwtToken: "j2", refreshToken: "r2" }]);
  const renewals = stub.asked.filter((asked) => asked.url.pathname.endsWith("/refresh"));
  assert.equal(renewals.length, 1);
  assert.equal(renewals[0]?.body, '{"refreshToken":"r1"}');
  assert.equal(renewals[0]?.headers.get("Authorization"), null);
  assert.equal(stub.asked[0]?.headers.get("X-PARTNER-API-KEY"), "pk");
});

test("a user logs in by their wallet, and out", async () => {
  const tokens = '{"jwtToken":"j","refreshToken":"r","userId":1,"partnerUserId":"ton"}';
  const stub = new Stub(data(tokens), data('{"array":[]}'), data("true"));
  const user = new UserHashrail("https://hashrail.example", stub.options);
  await user.ton.checkProof({} as never);
  await user.miners.list();
  assert.equal(stub.asked[1]?.headers.get("Authorization"), "Bearer j");
  await user.logOut();
  assert.equal(user.tokens, null);
  await user.logOut();
  assert.equal(stub.asked.length, 3);
  await assert.rejects(user.refresh(), /nobody is logged in/);
});

test("the greatest position is sent along, and none once a write has failed", async () => {
  const at = (position: string) => ({ "X-Hashrail-Position": position });
  const stub = new Stub(
    data("true", at("1-5")),
    data('{"array":[]}', at("1-3")),
    data('{"array":[]}', at("2-1")),
    refusal(404, "X"),
    data('{"array":[]}', at("1-9")),
    refusal(409, "X"),
    data("true", at("2-2")),
    data("true", at("2-2")),
    data('{"array":[]}', at("2-2")),
    data('{"array":[]}'),
    data("true", at("2-3")),
    data("true"),
    data('{"array":[]}'),
  );
  const client = server(stub, { retries: 0 });
  const bind = () => client.wallets.bind("alice", "bcrt1q");
  const list = () => client.miners.list("alice");
  await bind();
  await list();
  await list();
  await assert.rejects(list());
  await list();
  await assert.rejects(bind());
  await bind();
  client.forgetPosition();
  await bind();
  await list();
  await list();
  await bind();
  await bind();
  await list();
  const sent = stub.asked.map((asked) => asked.headers.get("X-Hashrail-Position"));
  assert.deepEqual(sent, [null, "1-5", "1-5", "2-1", "2-1", "2-1", null, null, "2-2", "2-2", null, "2-3", null]);
});
