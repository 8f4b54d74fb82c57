import { parseArgs } from "node:util";
import { deploy, type DeployedRuntime, deployedRuntimes } from "../support/deploy.ts";
import { HypervisorUnderTest } from "../support/hypervisor.ts";
import { osImage } from "../support/os-image.ts";

// node test/hypervisor/deploy-all.ts [RUNTIME…]: makes an image for each runtime, deploys a workload on it through the API alone, and
// prints how long the machine took.

const { positionals } = parseArgs({ allowPositionals: true });
const wanted = (positionals.length === 0 ? deployedRuntimes : positionals) as readonly DeployedRuntime[];
const seconds = (ms: number) => (ms / 1000).toFixed(1).padStart(9);
const say = (line: string) => process.stdout.write(`${line}\n`);

say("runtime      started  address     page   (seconds after the request to start)");
for (const runtime of wanted) {
  const image = await osImage(runtime);
  await using hypervisor = await HypervisorUnderTest.start();
  const times = await deploy(hypervisor, runtime, image, AbortSignal.timeout(1_200_000));
  say(`${runtime.padEnd(11)}${seconds(times.started)}${seconds(times.address)}${seconds(times.page)}`);
}
