import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";
import { asUser, signedBy } from "./signing.js";

const [baseUrl = "", key = "", secret = "", partnerUserId = ""] = process.argv.slice(2);

const server = createClient<paths>({ baseUrl });
server.use(signedBy(key, secret));

// #7, signed in the query.
const owned = await server.GET("/api/partner/s2s/nft/find-by-user", {
  params: { query: { partnerUserId, limit: 5 } },
});
const miners: components["schemas"]["Miner"][] = owned.data?.data.array ?? [];
const power: number = miners.reduce((sum, miner) => sum + miner.power, 0);

// #7 again: the codes of a refusal are known to the compiler.
const stranger = await server.GET("/api/partner/s2s/nft/find-by-user", {
  params: { query: { partnerUserId: "nobody & nothing, ü" } },
});
const unknownUser: boolean = stranger.error?.error === "USER_NOT_FOUND";

// #4, signed in the body.
const login = await server.POST("/api/partner/s2s/auth/login", { body: { partnerUserId } });
if (!login.data) throw new Error(login.error.message);

// #16, with the user's token.
const client = createClient<paths>({ baseUrl });
client.use(asUser(login.data.data.jwtToken));
const income = await client.GET("/api/partner/c2s/nft-income/find-by-user", { params: { query: { groupByDays: true } } });
const days = (income.data?.data.array ?? []).map((row) =>
  "incomes" in row ? { credited: row.createdAt, value: row.value, records: row.incomes.length } : null,
);

console.log(JSON.stringify({ miners: miners.length, power, unknownUser, status: stranger.response.status, days }));
