import { createHash } from "node:crypto";

/** Where the next event goes on. */
export interface ChainHead {
  /** Of the last event; 0 before the first one. */
  readonly sequence: number;
  /** SHA-256 of its line, in hex; of nothing before the first one. */
  readonly hash: string;
}

export const chainStart: ChainHead = { sequence: 0, hash: "0".repeat(64) };

const sequenceKey = "audit.gantry/sequence";
const previousKey = "audit.gantry/previous";

/** The event as a line of the log, bound to the line before it by its annotations. */
export function chainLine(
  event: { readonly annotations?: Readonly<Record<string, string>> },
  head: ChainHead,
): { readonly line: string; readonly head: ChainHead } {
  const sequence = head.sequence + 1;
  const annotations = { ...event.annotations, [sequenceKey]: String(sequence), [previousKey]: head.hash };
  const line = JSON.stringify({ ...event, annotations });
  return { line: `${line}\n`, head: { sequence, hash: hashOf(line) } };
}

/** A line's place in the chain. */
export interface ChainLink extends ChainHead {
  /** What it says the hash of the line before it is. */
  readonly previous: string;
}

/** Undefined for a line that is no event. */
export function readLink(line: string): ChainLink | undefined {
  try {
    const { annotations } = JSON.parse(line) as { annotations?: Record<string, string> };
    const sequence = Number(annotations?.[sequenceKey]);
    const previous = annotations?.[previousKey];
    if (!Number.isSafeInteger(sequence) || previous === undefined) return undefined;
    return { sequence, previous, hash: hashOf(line) };
  } catch {
    return undefined;
  }
}

function hashOf(line: string): string {
  return createHash("sha256").update(line).digest("hex");
}
