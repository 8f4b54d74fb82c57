import assert from "node:assert/strict";
import type { ApiAnswer, EngineUnderTest } from "../support/engine.ts";

/** What a client may believe of a container, from what the engine has acknowledged. */
export type Belief =
  | { readonly is: "created" }
  | { readonly is: "running"; readonly pid: number; readonly startedAt: string }
  | { readonly is: "exited"; readonly code: number; readonly output: string }
  /** A request was under way when the daemon was killed: any of these. */
  | { readonly is: "unsure"; readonly between: readonly (Belief["is"] | "restarting")[] }
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

/** What a client may believe of anything else that the engine shows. */
export interface Fact {
  readonly path: string;
  /** What of the answer it is about. */
  readonly look: (answer: ApiAnswer) => string | Promise<string>;
  /** One after an acknowledgement, several while a request is under way. */
  readonly among: readonly string[];
}

export const absent = "absent";

/** A fact about existing. */
export function existence(path: string, ...among: readonly ("there" | "absent")[]): Fact {
  return {
    path,
    look: ({ status }) => (status === 404 ? absent : `${status === 200 ? "there" : status}`),
    among,
  };
}

/** Containers by name, and facts by any, with what is believed of them. */
export class Model {
  readonly #beliefs = new Map<string, Belief>();
  readonly #facts = new Map<string, Fact>();
  /** Contradictions found, as text. */
  readonly violations: string[] = [];

  set(name: string, belief: Belief): void {
    this.#beliefs.set(name, belief);
  }

  /** As {@link set}; facts about what is no more are forgotten at the next check. */
  hold(name: string, fact: Fact): void {
    this.#facts.set(name, fact);
  }

  drop(name: string): void {
    this.#facts.delete(name);
  }

  dropFacts(): void {
    this.#facts.clear();
  }

  get names(): readonly string[] {
    return [...this.#beliefs.keys()];
  }

  /** Compares every belief with what the engine says now, and forgets those about what is removed. */
  async check(engine: EngineUnderTest): Promise<void> {
    for (const [name, belief] of this.#beliefs) {
      const answer = await engine.api("GET", `/containers/${name}/json`);
      const found = answer.status === 404 ? undefined : (answer.json as Inspected);
      const wrong = await contradiction(engine, name, belief, found);
      if (wrong !== undefined) this.violations.push(`${name}: believed ${JSON.stringify(belief)}, ${wrong}`);
      if (found === undefined) this.#beliefs.delete(name);
      else if (belief.is === "unsure") this.#beliefs.set(name, beliefOf(found));
    }
    for (const [name, fact] of this.#facts) await this.#checkFact(engine, name, fact);
  }

  async #checkFact(engine: EngineUnderTest, name: string, fact: Fact): Promise<void> {
    const found = await fact.look(await engine.api("GET", fact.path));
    if (!fact.among.includes(found))
      this.violations.push(`${name}: believed ${fact.among.join(" or ")}, is ${found}`);
    if (found === absent) this.#facts.delete(name);
    else this.#facts.set(name, { ...fact, among: [found] });
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
  if (Status === "restarting") return { is: "unsure", between: ["restarting", "running"] };
  assert.equal(Status, "created", `unexpected status ${Status}`);
  return { is: "created" };
}
