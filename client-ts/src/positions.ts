// What a client has seen of a deployment with read replicas, so that no later answer shows it less.

export const POSITION = "X-Hashrail-Position";

/**
 * The greatest position that a client was told. A write that ended in an error may be done all the same, at a position
 * that nobody told: from then on nothing is sent, which asks for everything that is committed, until an answer to a
 * later call names a position again. So it is where an answer that should name one does not: what it has done or shown
 * is at none that the client knows.
 */
export class Seen {
  #position: string | null = null;
  #losses = 0;

  /** Headers of the next call, and what `told` is to be given with its answer. */
  sent(): { readonly headers: Readonly<Record<string, string>>; readonly losses: number } {
    return { headers: this.#position === null ? {} : { [POSITION]: this.#position }, losses: this.#losses };
  }

  /** An answer came to a call that was sent after so many losses. */
  told(response: Response, losses: number, isExpected: boolean): void {
    const position = response.headers.get(POSITION);
    if (position === null && isExpected) this.lost();
    if (position === null || losses !== this.#losses) return;
    if (this.#position === null || position > this.#position) this.#position = position;
  }

  /** A write ended in an error. */
  lost(): void {
    this.#losses += 1;
    this.#position = null;
  }
}
