import { dockerClient } from "#client/docker-client.ts";
import { defineCommand, socketOf } from "../context.ts";
import { formatTable } from "../output/table.ts";
import { type Finding, runChecks } from "../security/check.ts";
import { containerChecks, imageChecks } from "../security/container-checks.ts";
import { engineChecks } from "../security/engine-checks.ts";
import { fileChecks } from "../security/file-checks.ts";
import { processChecks } from "../security/process-checks.ts";
import { readFacts } from "../security/read-facts.ts";
import { unixTransport } from "../unix-transport.ts";

export const command = defineCommand({
  isOwn: true,
  usage: "[flags]",
  about: [
    "Checks how the engine, its files, its images and its containers are set up, and says what could be stricter.",
    "Numbers are of the sections of the CIS Docker Benchmark that ask alike; most warnings go away with 'gantry up --hardened'.",
  ].join("\n"),
  flags: {
    json: { kind: "bool", help: "Print one JSON object" },
    strict: { kind: "bool", help: "Exit with 1 when there are warnings" },
  },
  operands: [0, 0],
  examples: [
    ["gantry security check", "for people"],
    ["gantry security check --json --strict", "for programs"],
  ],
  exitCodes: [
    [0, "checked"],
    [1, "there are warnings, and --strict"],
  ],
  async run({ out, instance, signal }, { json, strict }) {
    const facts = await readFacts(dockerClient(unixTransport(socketOf(instance))), instance, signal);
    const checks = [...engineChecks, ...fileChecks, ...imageChecks, ...containerChecks, ...processChecks];
    const findings = runChecks(checks, facts);
    const warnings = findings.filter(({ result }) => result === "warn");
    const score = {
      pass: findings.filter(({ result }) => result === "pass").length,
      warn: warnings.length,
    };
    if (json) out.write(`${JSON.stringify({ ...score, checks: findings })}\n`);
    else out.write(`${formatTable([], findings.flatMap(rowsOf))}\n${score.pass} pass, ${score.warn} warn\n`);
    return strict && warnings.length > 0 ? 1 : 0;
  },
});

function rowsOf({ id, title, result, details }: Finding): readonly (readonly string[])[] {
  return [
    [result === "warn" ? "WARN" : result, id, title],
    ...details.map((detail) => ["", "", `  ${detail}`]),
  ];
}
