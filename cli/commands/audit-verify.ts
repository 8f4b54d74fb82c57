import { join } from "node:path";
import { auditFilesOf } from "#orchestrator/audit/audit-files.ts";
import { verifyAudit } from "#orchestrator/audit/verify-audit.ts";
import { defineCommand } from "../context.ts";

export const command = defineCommand({
  isOwn: true,
  asksNobody: true,
  usage: "[flags] [FILE...]",
  about: [
    "Checks that nothing was changed, removed or put into the cluster's audit log: every event names the one before by its hash.",
    "What was cut off at the end cannot be seen in the log itself: compare the last sequence number with one noted elsewhere.",
  ].join("\n"),
  flags: { json: { kind: "bool", help: "Print one JSON object" } },
  operands: [0, Number.POSITIVE_INFINITY],
  examples: [
    ["gantry audit verify", "all files in cluster/audit/ of --root"],
    ["gantry audit verify old.log new.log", "copies, the oldest first"],
  ],
  exitCodes: [
    [0, "it is whole"],
    [1, "it is not"],
  ],
  async run({ out, instance, signal }, { json }, files) {
    const given = files.length > 0 ? files : auditFilesOf(join(instance.root, "cluster", "audit"));
    const result = await verifyAudit(given, signal);
    if (json) out.write(`${JSON.stringify(result)}\n`);
    else {
      for (const { file, line, problem } of result.findings) out.write(`${file}:${line}: ${problem}\n`);
      out.write(
        `${result.events} events, ${result.first ?? 0} to ${result.last ?? 0}: ${result.findings.length === 0 ? "whole" : "NOT WHOLE"}\n`,
      );
    }
    return result.findings.length === 0 ? 0 : 1;
  },
});
