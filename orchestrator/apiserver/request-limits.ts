import { failure, StatusError } from "#api/kube/status.ts";
import type { User } from "#orchestrator/authn/user.ts";
import type { ApiRequest } from "./api-request.ts";
import type { RequestInfo } from "./request-info.ts";

export interface Limits {
  /** Requests that read, and requests that write, at the same time. */
  readonly readingMost: number;
  readonly writingMost: number;
  /** As long a request may take that is no stream. */
  readonly timeoutMs: number;
}

/** Upstream's. */
export const usualLimits: Limits = { readingMost: 400, writingMost: 200, timeoutMs: 60_000 };

const streaming = new Set(["exec", "attach", "portforward", "log", "proxy"]);
const reading = new Set(["get", "list", "watch"]);

/** How many requests are under way, and how long each may be. Streams are nobody's burden. */
export class RequestLimits {
  readonly #limits: Limits;
  #reading = 0;
  #writing = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get underWay(): { readonly reading: number; readonly writing: number } {
    return { reading: this.#reading, writing: this.#writing };
  }

  /** @throws {StatusError} `TooManyRequests`, `Timeout` */
  async run<T>(request: ApiRequest, info: RequestInfo, user: User, answer: () => Promise<T>): Promise<T> {
    if (isStream(info)) return await answer();
    const isReading = info.type === "path" || reading.has(info.verb);
    // Who works for the cluster itself must go on, so that what it waits for ends.
    const isLimited = request.user === undefined && !user.groups.includes("system:masters");
    if (
      isLimited &&
      (isReading ? this.#reading >= this.#limits.readingMost : this.#writing >= this.#limits.writingMost)
    )
      throw failure("TooManyRequests", "Too many requests, please try again later.", {
        retryAfterSeconds: 1,
      });
    if (isReading) this.#reading++;
    else this.#writing++;
    try {
      return await this.#inTime(answer);
    } finally {
      if (isReading) this.#reading--;
      else this.#writing--;
    }
  }

  async #inTime<T>(answer: () => Promise<T>): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(late()), this.#limits.timeoutMs);
    try {
      return await Promise.race([answer(), promise]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function late(): StatusError {
  return failure("Timeout", "Timeout: request did not complete within the allotted timeout");
}

export function isStream(info: RequestInfo): boolean {
  if (info.type === "path") return false;
  return info.verb === "watch" || (info.subresource !== undefined && streaming.has(info.subresource));
}
