import assert from "node:assert/strict";
import type { EngineUnderTest } from "../support/engine.ts";

/** What a client may believe of a container, from what the engine has acknowledged. */
export type Belief =
  | { readonly is: "created" }
  | { readonly is: "running"; readonly pid: number; readonly startedAt: string }
  | { readonly is: "exited"; readonly code: number; readonly output: string }
  /** A request was under way when the daemon was killed: any of these. */
  | { readonly is: "unsure"; readonly between: readonly Belief["is"][] }
  | { readonly is: "removed" };

export interface Inspected {
  readonly Id: string;
  readonly State: {
    readonly Status: string;
    readonly Pid: number;
    readonly ExitCode: number;
    readonly StartedAt: string;
  };
}

/** Containers by name with what is believed of them. */
export class Model {
  readonly #beliefs = new Map<string, Belief>();
  /** Contradictions found, as text. */
  readonly violations: string[] = [];

  set(name: string, belief: Belief): void {
    this.#beliefs.set(name, belief);
  }

  get names(): readonly string[] {
    return [...this.#beliefs.keys()];
  }

  /** Compares every belief with what the engine says now, and forgets those about removed containers. */
  async check(engine: EngineUnderTest): Promise<void> {
    for (const [name, belief] of this.#beliefs) {
      const answer = await engine.api("GET", `/containers/${name}/json`);
      const found = answer.status === 404 ? undefined : (answer.json as Inspected);
      const wrong = await contradiction(engine, name, belief, found);
      if (wrong !== undefined) this.violations.push(`${name}: believed ${JSON.stringify(belief)}, ${wrong}`);
      if (found === undefined) this.#beliefs.delete(name);
      else if (belief.is === "unsure") this.#beliefs.set(name, beliefOf(found));
    }
  }
}

async function contradiction(
  engine: EngineUnderTest,
  name: string,
  belief: Belief,
  found: Inspected | undefined,
): Promise<string | undefined> {
  const status = found?.State.Status ?? "removed";
  if (belief.is === "unsure")
    return (belief.between as readonly string[]).includes(status) ? undefined : `is ${status}`;
  if (belief.is !== status) return `is ${status}`;
  if (belief.is === "running" && found?.State.Pid !== belief.pid) return `has pid ${found?.State.Pid}`;
  if (belief.is === "running" && found?.State.StartedAt !== belief.startedAt)
    return `started at ${found?.State.StartedAt}`;
  if (belief.is !== "exited") return undefined;
  if (found?.State.ExitCode !== belief.code) return `exited with ${found?.State.ExitCode}`;
  const { body } = await engine.api("GET", `/containers/${name}/logs?stdout=1&tail=all`);
  return body.includes(belief.output) ? undefined : `has log ${JSON.stringify(body)}`;
}

/** What an answer of inspect lets a client believe; its log is not asked again. */
export function beliefOf(found: Inspected): Belief {
  const { Status, Pid, ExitCode, StartedAt } = found.State;
  if (Status === "running") return { is: "running", pid: Pid, startedAt: StartedAt };
  if (Status === "exited") return { is: "exited", code: ExitCode, output: "" };
  assert.equal(Status, "created", `unexpected status ${Status}`);
  return { is: "created" };
}
