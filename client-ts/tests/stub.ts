// A deployment that answers what a test says, and keeps what it was asked.

import type { ClientOptions } from "../src/calling.ts";

export interface Asked {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly body: string;
}

export type Answer = Response | Error | ((asked: Asked) => Response | Error | Promise<Response>);

export function data(value: string, headers: Record<string, string> = {}): Response {
  return new Response(`{"data":${value}}`, { headers: { "Content-Type": "application/json", ...headers } });
}

export function refusal(status: number, error: string, details: object = {}, headers: Record<string, string> = {}) {
  const document = { statusCode: status, error, message: "as told", requestId: "r-1", details };
  return new Response(JSON.stringify(document), { status, headers });
}

export class Stub {
  readonly asked: Asked[] = [];
  readonly pauses: number[] = [];
  readonly #answers: Answer[];

  constructor(...answers: Answer[]) {
    this.#answers = answers;
  }

  get options(): ClientOptions {
    return { fetch: this.#fetch, clock: () => 1_721_656_927_974, pause: this.#pause };
  }

  readonly #pause = (milliseconds: number): Promise<void> => {
    this.pauses.push(milliseconds);
    return Promise.resolve();
  };

  readonly #fetch: typeof fetch = async (input, init = {}) => {
    const { method = "GET", headers, body, signal } = init;
    const asked = { url: new URL(String(input)), method, headers: new Headers(headers), body: String(body ?? "") };
    this.asked.push(asked);
    signal?.throwIfAborted();
    const next = this.#answers.shift();
    if (next === undefined) throw new Error("nothing more was expected");
    const answer = typeof next === "function" ? await next(asked) : next;
    if (answer instanceof Error) throw answer;
    return answer;
  };
}
