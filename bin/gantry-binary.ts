import { handOver, noEngine } from "#cli/instance/hand-over.ts";
import { main } from "#cli/main.ts";

// The entry of the compiled program, dist/gantry: all commands but those that run the engine's code.
const code = await main(process.argv.slice(2), {
  openEngine: noEngine,
  openRegistry: noEngine,
  openServer: noEngine,
  openHypervisor: noEngine,
  self: [process.execPath],
  handOver,
});
process.exit(code);
