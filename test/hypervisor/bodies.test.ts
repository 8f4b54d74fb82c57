import { test } from "node:test";
import { HypervisorUnderTest } from "../support/hypervisor.ts";
import { sendGeneratedBodies } from "./generated-bodies.ts";

// The short form of bodies-many.ts.

test("no body of any shape is unexpected to any route, or makes anything half", async () => {
  await using hypervisor = await HypervisorUnderTest.start();
  await sendGeneratedBodies(hypervisor, 500);
});
