import type { Pod } from "#api/kube/types/core-pods.ts";
import { parseTime } from "#base/time.ts";
import type { KubeClient } from "#client/kube/kube-client.ts";
import { serviceAccounts } from "#client/kube/resources.ts";
import { nameOf, namespaceOf, uidOf } from "./pod.ts";

interface Token {
  readonly text: string;
  readonly madeMs: number;
  readonly expiresMs: number;
}

const dayMs = 86_400_000;
const refreshShare = 0.8;

/** Tokens of pods' service accounts, asked for when they are needed and again long before they end. */
export class ServiceAccountTokens {
  readonly #kube: KubeClient;
  readonly #now: () => number;
  readonly #tokens = new Map<string, Token>();

  constructor(kube: KubeClient, now: () => number) {
    this.#kube = kube;
    this.#now = now;
  }

  /** A token bound to the pod; the same one until most of its time is over. An old one is better than none while it is valid. */
  async get(pod: Pod, audience: string | undefined, seconds: number, signal: AbortSignal): Promise<string> {
    const key = `${uidOf(pod)}\n${audience ?? ""}\n${seconds}`;
    const known = this.#tokens.get(key);
    if (known !== undefined && this.#now() < refreshAt(known)) return known.text;
    try {
      const made = await this.#request(pod, audience, seconds, signal);
      this.#tokens.set(key, made);
      return made.text;
    } catch (error) {
      if (known !== undefined && this.#now() < known.expiresMs) return known.text;
      throw error;
    }
  }

  /** When the first of the pod's tokens is to be asked for again; milliseconds since 1970. */
  findRefresh(podUid: string): number | undefined {
    const times = [...this.#tokens]
      .filter(([key]) => key.startsWith(`${podUid}\n`))
      .map(([, token]) => refreshAt(token));
    return times.length === 0 ? undefined : Math.min(...times);
  }

  release(podUid: string): void {
    for (const key of this.#tokens.keys()) if (key.startsWith(`${podUid}\n`)) this.#tokens.delete(key);
  }

  async #request(
    pod: Pod,
    audience: string | undefined,
    seconds: number,
    signal: AbortSignal,
  ): Promise<Token> {
    const ref = { namespace: namespaceOf(pod), name: pod.spec?.serviceAccountName ?? "default" };
    const request = {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: {
        audiences: audience === undefined || audience === "" ? [] : [audience],
        expirationSeconds: seconds,
        boundObjectRef: { apiVersion: "v1", kind: "Pod", name: nameOf(pod), uid: uidOf(pod) },
      },
    };
    const answer = await this.#kube.of(serviceAccounts).createSubresource<{
      readonly status: { readonly token: string; readonly expirationTimestamp: string };
    }>(ref, "token", request, signal);
    const { token, expirationTimestamp } = answer.status;
    return {
      text: token,
      madeMs: this.#now(),
      expiresMs: Number(parseTime(expirationTimestamp) / 1_000_000n),
    };
  }
}

function refreshAt({ madeMs, expiresMs }: Token): number {
  return Math.min(madeMs + (expiresMs - madeMs) * refreshShare, madeMs + dayMs);
}
