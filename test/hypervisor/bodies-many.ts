// 5,000 requests with generated bodies, as a script: node test/hypervisor/bodies-many.ts [requests]
import { HypervisorUnderTest } from "../support/hypervisor.ts";
import { sendGeneratedBodies } from "./generated-bodies.ts";

const count = Number(process.argv[2] ?? 5000);
await using hypervisor = await HypervisorUnderTest.start();
await sendGeneratedBodies(hypervisor, count);
process.stdout.write(`${count} requests, none unexpected, nothing half made\n`);
