/** Whether an image may be used, and why. */
export type Verdict =
  | {
      readonly isTrusted: true;
      /** For people: which rule let it in. */
      readonly reason: string;
      /** Milliseconds since 1970; undefined for one that stays true. */
      readonly until?: number;
    }
  | { readonly isTrusted: false; readonly reason: string };

export function trusted(reason: string, until?: number): Verdict {
  return { isTrusted: true, reason, ...(until !== undefined && { until }) };
}

export function refused(reason: string): Verdict {
  return { isTrusted: false, reason };
}

/** The reasons of several that failed, each once. */
export function joinReasons(reasons: readonly string[]): string {
  const shown = Array.from(new Set(reasons));
  return shown.length <= 3 ? shown.join("; ") : `${shown.slice(0, 3).join("; ")}; …`;
}
