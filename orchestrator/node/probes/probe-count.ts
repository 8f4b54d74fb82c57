import type { Probe } from "#api/kube/types/core-pods.ts";

export type Verdict = "success" | "failure" | "unknown";

/** What has been seen in a row, and what holds because of it. */
export interface ProbeState {
  readonly verdict: Verdict;
  readonly last: Verdict | undefined;
  readonly count: number;
}

/** Before anything has been seen: nobody is ready, and nobody is dead. */
export function initialState(kind: "startup" | "liveness" | "readiness"): ProbeState {
  const verdict = ({ startup: "unknown", liveness: "success", readiness: "failure" } as const)[kind];
  return { verdict, last: undefined, count: 0 };
}

/** What holds after one more check; what cannot be told counts for nothing. */
export function counted(state: ProbeState, probe: Probe, seen: Verdict): ProbeState {
  if (seen === "unknown") return state;
  const count = state.last === seen ? state.count + 1 : 1;
  const threshold = seen === "success" ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
  return { verdict: count >= threshold ? seen : state.verdict, last: seen, count };
}
