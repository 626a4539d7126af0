// Each line that calls the client below has a mistake; a test expects one error a line, and none elsewhere.

import { Hashrail, HashrailApiError, UserHashrail, sum } from "../src/index.ts";

const client = new Hashrail("https://hashrail.example", "key", "secret");
const user = new UserHashrail("https://hashrail.example");
declare const error: HashrailApiError;

// A misspelt verb, noun, option, code.
await client.miners.lst("alice");
await client.miner.list("alice");
await client.miners.list("alice", { limits: 5 });
error.is("USER_NOT_FOND");

// A missing argument.
await client.withdrawals.create("alice", "bcrt1q");
await client.users.login();

// An amount as a number.
await client.withdrawals.create("alice", "bcrt1q", 0.001);
await client.upgrades.create({ type: "nftPowerUpgrade", nftId: 1, fromPower: 1, toPower: "2" });
sum([0.1]);

// Arithmetic with an amount.
export const half = (await client.payments.get("order-1")).value / 2;

// Another type, another choice, a key for a read.
await client.payments.create("7", 1, "order-1");
await client.payments.list({ state: "paid" });
await client.miners.list("alice", { idempotencyKey: "k" });

// A user has no withdrawals of their own, and a kind of event has its own data.
await user.withdrawals.list();
for await (const event of client.events.follow()) {
  if (event.type === "order.issued") console.log(event.data.walletAddress);
}
