import { createHmac } from "node:crypto";
import type { Middleware } from "openapi-fetch";

function hexDigest(secret: string, text: string): string {
  return createHmac("sha256", secret).update(text).digest("hex");
}

/** Signs every request of a client, over exactly what is sent: the query of a GET, the JSON body of a POST. */
export function signedBy(key: string, secret: string): Middleware {
  return {
    async onRequest({ request }) {
      const url = new URL(request.url);
      const headers = new Headers(request.headers);
      headers.set("X-PARTNER-API-KEY", key);
      if (request.method === "GET") {
        const query = [url.search.slice(1), `timestamp=${Date.now()}`].filter(Boolean).join("&");
        url.search = `${query}&signature=${hexDigest(secret, query)}`;
        return new Request(url, { headers });
      }
      const text = JSON.stringify({ ...JSON.parse(await request.text()), timestamp: Date.now() });
      const body = `${text.slice(0, -1)},"signature":"${hexDigest(secret, text)}"}`;
      return new Request(url, { method: request.method, headers, body });
    },
  };
}

/** Sends a user's token with every request of a client. */
export function asUser(token: string): Middleware {
  return {
    onRequest({ request }) {
      request.headers.set("Authorization", `Bearer ${token}`);
      return request;
    },
  };
}
