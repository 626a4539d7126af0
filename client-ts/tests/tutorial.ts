// A user who earns, from the order to the refund, against a sandbox: node tests/tutorial.ts .hashrail/demo.json
// What was found is printed as JSON.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { Hashrail, type ReceivedWebhook, sum, verifyWebhook } from "../src/index.ts";

const USER = "ts-tutorial";
const ORDER = "ts-order-1";
const ADDRESS = "bcrt1qw6fv8tf4gzacq0qzpvawuekd3zr3yv35gs3jky";
const TOLD = ["order.issued", "withdrawal.final", "order.refunded"];

interface Demo {
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly apiSecret: string;
}

const box = JSON.parse(readFileSync(process.argv[2] ?? ".hashrail/demo.json", "utf8")) as Demo;
const client = new Hashrail(box.baseUrl, box.apiKey, box.apiSecret, { timeoutMs: 300_000 });

// A receiver of webhooks, which verifies each before it believes it.
let secret = "";
const arrived: ReceivedWebhook[] = [];
let allArrived = () => {};
const waiting = new Promise<void>((resolve) => (allArrived = resolve));
const receiver = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => parts.push(part));
  request.on("end", () => {
    verifyWebhook(Buffer.concat(parts), request.headers, secret).then(
      (webhook) => {
        arrived.push(webhook);
        response.writeHead(204).end();
        if (webhook.type === "order.refunded") allArrived();
      },
      (error: unknown) => response.writeHead(400).end(String(error)),
    );
  });
});
await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
const { port } = receiver.address() as AddressInfo;

const endpoint = await client.webhooks.create(`http://127.0.0.1:${port}/hooks`, { types: TOLD });
secret = endpoint.secret;

// An order, told to be paid twice, issues one miner.
const { userId } = await client.users.login(USER);
const offer = (await client.collections.list()).array.find((each) => each.power === "8");
if (offer === undefined) throw new Error("nothing is on sale");
const order = await client.payments.create(userId, offer.id, ORDER);
await client.payments.success(ORDER, userId);
await client.payments.success(ORDER, userId);
const miners = (await client.miners.list(USER)).array.length;

// A year of income, exact to the last digit.
const { daysClosed } = await client.sandbox.advance({ days: 365 });
const values: string[] = [];
for await (const record of client.income.iterate(USER, { limit: 100 })) values.push(record.value);
const { stats } = await client.users.statistics(USER);

// Some of it is withdrawn, and final on the simulated chain a day later.
await client.wallets.bind(USER, ADDRESS);
const { incomeWithdrawMinValue } = await client.withdrawals.terms(USER);
const number = await client.withdrawals.createFast(USER, ADDRESS, incomeWithdrawMinValue);
if (number === null) throw new Error("the withdrawal has no number");
await client.sandbox.advance({ days: 1 });
const withdrawal = await client.withdrawals.get(number);
const balance = (await client.balances.list(USER)).array.find((each) => each.currency === "BTC");

// The customer's bank takes the payment back.
await client.sandbox.chargeBack(ORDER);
const { state } = await client.payments.get(ORDER);
await waiting;
receiver.close();
await client.webhooks.delete(endpoint.id);

const followed: string[] = [];
for await (const event of client.events.follow({ types: TOLD.join(","), waitSeconds: 0 })) {
  if (event.type === "order.refunded" && event.data.externalId === ORDER) followed.push(event.id);
}

console.log(
  JSON.stringify({
    price: order.value,
    miners,
    daysClosed,
    records: values.length,
    earned: sum(values),
    told: stats.totalIncome,
    minimum: incomeWithdrawMinValue,
    withdrawal,
    balance,
    state,
    minersLeft: (await client.miners.list(USER)).array.length,
    arrived: arrived.map((webhook) => webhook.type),
    refundIsInTheFeed: followed.includes(arrived.at(-1)?.data.id ?? ""),
  }),
);
