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

/** What a line says of its place; undefined for one that is no event. */
export function readLink(line: string): { readonly sequence: number; readonly previous: string } | undefined {
  try {
    const { annotations } = JSON.parse(line) as { annotations?: Record<string, string> };
    const sequence = Number(annotations?.[sequenceKey]);
    const previous = annotations?.[previousKey];
    return Number.isSafeInteger(sequence) && previous !== undefined ? { sequence, previous } : undefined;
  } catch {
    return undefined;
  }
}

/** The head behind a line. */
export function headAfter(line: string): ChainHead | undefined {
  const link = readLink(line);
  return link === undefined ? undefined : { sequence: link.sequence, hash: hashOf(line) };
}

function hashOf(line: string): string {
  return createHash("sha256").update(line).digest("hex");
}
