import { fileURLToPath } from "node:url";
import { main } from "#cli/main.ts";

process.exitCode = await main(process.argv.slice(2), {
  openEngine: async (options) => await (await import("#engine/daemon.ts")).openEngine(options),
  self: [process.execPath, ...process.execArgv, fileURLToPath(import.meta.url)],
});
