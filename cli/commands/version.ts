import { readFileSync } from "node:fs";
import { dockerClient } from "#client/docker-client.ts";
import { defineCommand, socketOf } from "../context.ts";
import { isAnswering } from "../instance/start-engine.ts";
import { formatTable } from "../output/table.ts";
import { unixTransport } from "../unix-transport.ts";

export const command = defineCommand({
  usage: "[flags]",
  about: "Shows the versions of this program, of its Node, and of the engine where one answers.",
  flags: { json: { kind: "bool", help: "Print one JSON object" } },
  operands: [0, 0],
  examples: [["gantry version", "for people"]],
  async run({ out, instance, signal }, { json }) {
    const engine = (await isAnswering(instance, signal))
      ? await dockerClient(unixTransport(socketOf(instance))).version(signal)
      : undefined;
    const client = { version: ownVersion(), node: process.versions.node };
    if (json) {
      const shown = engine && { version: engine.Version, apiVersion: engine.ApiVersion };
      out.write(`${JSON.stringify({ client, engine: shown ?? null })}\n`);
      return 0;
    }
    const rows = [
      ["gantry", client.version],
      ["node", client.node],
      ["engine", engine === undefined ? "not running" : `${engine.Version}, API ${engine.ApiVersion}`],
    ];
    out.write(formatTable([], rows));
    return 0;
  },
});

function ownVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    readonly version: string;
  };
  return version;
}
