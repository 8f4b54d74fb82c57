import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { chainStart, type ChainHead, readLink } from "./audit-chain.ts";

export interface AuditFinding {
  readonly file: string;
  /** From 1 on. */
  readonly line: number;
  readonly problem: string;
}

export interface AuditVerification {
  readonly events: number;
  /** Of the first event that is there: earlier ones have been rotated away when it is not 1. */
  readonly first: number | undefined;
  readonly last: number | undefined;
  readonly findings: readonly AuditFinding[];
}

/**
 * Reads the files as one log and tells every place where an event was changed, removed, put in or moved. What was cut off at the end
 * cannot be seen in the log itself: compare the last sequence number with one noted elsewhere.
 */
export async function verifyAudit(files: readonly string[], signal: AbortSignal): Promise<AuditVerification> {
  const findings: AuditFinding[] = [];
  let head: ChainHead | undefined;
  let [events, first]: [number, number | undefined] = [0, undefined];
  for (const file of files) {
    let number = 0;
    const lines = createInterface({ input: createReadStream(file, { signal }), crlfDelay: Infinity });
    for await (const line of lines) {
      number++;
      const link = readLink(line);
      if (link === undefined) {
        findings.push({ file, line: number, problem: "not an event of the chain" });
        continue;
      }
      events++;
      first ??= link.sequence;
      const before = head ?? (link.sequence === 1 ? chainStart : undefined);
      if (before !== undefined) {
        if (link.sequence !== before.sequence + 1)
          findings.push({
            file,
            line: number,
            problem: `event ${link.sequence} follows ${before.sequence}`,
          });
        else if (link.previous !== before.hash)
          findings.push({ file, line: number, problem: `the event before ${link.sequence} was changed` });
      }
      head = link;
    }
  }
  return { events, first, last: head?.sequence, findings };
}
