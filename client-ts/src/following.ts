import { type CallOptions, passes, type Send, sleep } from "./calling.ts";
import type { HashrailEvent } from "./generated/answers.ts";
import { ServerEvents } from "./generated/verbs.ts";

const PAUSE_MS = 1000;

export interface FollowOptions extends CallOptions {
  /** The position of the last event that you are done with; 0 is before the first. */
  readonly after?: number | undefined;
  /** Only these types, separated by commas. */
  readonly types?: string | undefined;
  readonly objectKind?: string | undefined;
  readonly objectId?: string | undefined;
  /** How long one call waits for something to happen, 25 where not said. With 0, following ends where the feed does. */
  readonly waitSeconds?: number | undefined;
}

/** The feed. */
export class FollowedEvents extends ServerEvents {
  readonly #pause: (milliseconds: number, signal?: AbortSignal) => Promise<void>;

  constructor(send: Send, pause: (milliseconds: number, signal?: AbortSignal) => Promise<void> = sleep) {
    super(send);
    this.#pause = pause;
  }

  /**
   * Every event after a position, one after another, and then those that happen; it does not end by itself. Keep the
   * `position` of each that you are done with, and begin there the next time. A server that is away for a while is
   * asked again. Throws a HashrailApiError, and the signal's reason once you give it up.
   */
  async *follow(options: FollowOptions = {}): AsyncGenerator<HashrailEvent, void, undefined> {
    const { after = 0, waitSeconds = 25, ...wanted } = options;
    for (let last = after; ; ) {
      let page;
      try {
        page = await this.read({ ...wanted, after: last, waitSeconds: waitSeconds || undefined });
      } catch (error) {
        if (!passes(error)) throw error;
        await this.#pause(PAUSE_MS, options.signal);
        continue;
      }
      yield* page.events;
      last = page.last;
      if (waitSeconds === 0 && !page.hasMore) return;
    }
  }
}
