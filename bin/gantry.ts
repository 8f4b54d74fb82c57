import { fileURLToPath } from "node:url";
import { resolveOwnModules } from "#host/module-paths.ts";

resolveOwnModules(new URL("../", import.meta.url));
const { main } = await import("#cli/main.ts");
const code = await main(process.argv.slice(2), {
  openEngine: async (options) => await (await import("#engine/daemon.ts")).openEngine(options),
  openRegistry: async (options) => await (await import("#engine/registry-daemon.ts")).openRegistry(options),
  openServer: async (options) => await (await import("#orchestrator/daemon.ts")).openServer(options),
  openHypervisor: async (options) => await (await import("#hypervisor/daemon.ts")).openHypervisor(options),
  self: [process.execPath, ...process.execArgv, fileURLToPath(import.meta.url)],
});

// What the command opened is closed by now; a client's stream that is still being cut must not keep a daemon from ending.
process.exit(code);
