import { test } from "node:test";
import { deploy } from "../support/deploy.ts";
import { HypervisorUnderTest } from "../support/hypervisor.ts";
import { osImage, whyNoImage } from "../support/os-image.ts";

// The other runtimes are deployed by deploy-all.ts: under emulation each of them takes a minute.

test("an image is made, a machine starts from it, is configured by cloud-init, and serves a page from a container", async (t) => {
  const why = await whyNoImage();
  if (why !== undefined) {
    t.skip(why);
    return;
  }
  const image = await osImage("containerd");
  await using hypervisor = await HypervisorUnderTest.start();
  const times = await deploy(hypervisor, "containerd", image, t.signal);
  t.diagnostic(JSON.stringify(times));
});
