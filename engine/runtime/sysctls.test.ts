import assert from "node:assert/strict";
import { test } from "node:test";
import { planSysctls } from "./sysctls.ts";

const own = { ipc: true, network: true, uts: true };

test("planSysctls: takes what belongs to the container's namespaces, in both ways of writing it", () => {
  const asked = {
    "net/ipv4/conf/eth0/forwarding": "1",
    "net.core.somaxconn": "10",
    "kernel.shmmax": "1",
    "fs.mqueue.msg_max": "5",
  };

  assert.deepEqual(planSysctls(asked, own), {
    "net.ipv4.conf.eth0.forwarding": "1",
    "net.core.somaxconn": "10",
    "kernel.shmmax": "1",
    "fs.mqueue.msg_max": "5",
  });
});

test("planSysctls: refuses what is the host's", () => {
  const plan =
    (name: string, namespaces = own) =>
    () =>
      planSysctls({ [name]: "1" }, namespaces);

  assert.throws(plan("kernel.panic"), /sysctl "kernel.panic" is not in a separate kernel namespace/);
  assert.throws(plan("kernel.hostname"), /conflicts with the OCI "hostname" field/);
  assert.throws(
    plan("net.core.somaxconn", { ...own, network: false }),
    /not allowed in host network namespace/,
  );
  assert.throws(plan("kernel.sem", { ...own, ipc: false }), /not allowed in the hosts ipc namespace/);
  assert.throws(plan("kernel.domainname", { ...own, uts: false }), /not in a separate kernel namespace/);
});

test("planSysctls: no name leads out of the folder it is checked for", () => {
  for (const name of [
    "net/../kernel/panic",
    "net..kernel",
    "net.",
    "net/ipv4/./../x",
    "/net/x",
    "net.x y",
    "net.x\0",
    "net",
  ]) {
    assert.throws(() => planSysctls({ [name]: "1" }, own), /^Fault: sysctl/);
  }
});
