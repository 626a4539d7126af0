import createClient from "openapi-fetch";
import type { paths } from "./api.js";

const server = createClient<paths>({ baseUrl: "" });

// Each line below has a mistake that the generated types know; the test expects one error a line.
await server.GET("/api/partner/s2s/nft/find-by-user", { params: { query: { partnerUserID: "alice" } } });
await server.POST("/api/partner/s2s/nft-payment/create", { body: { userId: "1", nftCollectionId: 1, externalId: "a" } });
await server.POST("/api/partner/s2s/auth/login", { body: { partnerUser: "alice" } });
await server.GET("/api/partner/s2s/nft/find-by-owner", {});
const params = { query: { partnerUserId: "alice" } };
export const known = (await server.GET("/api/partner/s2s/user/get-statistics", { params })).error?.error === "NO_CODE";
