import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseTcpAddress } from "#base/listen-address.ts";
import { defineCommand } from "../context.ts";
import { text } from "../flags.ts";
import { writeHypervisorFile } from "../instance/hypervisor-file.ts";
import { lockFolder } from "../instance/lock.ts";
import { writePidFile } from "../instance/pid-file.ts";

const usualAddress = "127.0.0.1:8443";

export const command = defineCommand({
  isOwn: true,
  needsNode: true,
  asksNobody: true,
  usage: "[flags]",
  about: [
    "Runs virtual machines and serves the HyperCore REST API in the foreground, at https://ADDRESS/rest/v1. State is kept in the",
    "folder hypervisor/ of --root; the first password of the user admin is in its file initial-password. It logs JSON lines to",
    "stderr (GANTRY_LOG=debug for more). SIGTERM and SIGINT stop it and leave machines running; the next one finds them.",
  ].join("\n"),
  flags: {
    listen: text("ADDRESS", `HOST:PORT of the API (default ${usualAddress})`),
    "vm-cidr": text("CIDR", "The host's address on the machines' network (default 10.98.0.1/16)"),
    exchange: text(
      "FOLDER",
      "Machines are exported to folders below it, and imported from there, as file:///NAME",
    ),
    uplink: text("INTERFACE", "Connect the VLANs of machines to those of this interface"),
  },
  operands: [0, 0],
  examples: [
    ["gantry hypervisor", "serve the API on https://127.0.0.1:8443"],
    [
      "gantry hypervisor --listen :8443 --uplink eth1",
      "on every address, with machines in the VLANs of eth1",
    ],
  ],
  exitCodes: [
    [0, "stopped by a signal"],
    [1, "could not start, or another hypervisor uses the same folder"],
  ],
  async run({ instance, services, signal }, values) {
    const folder = join(instance.root, "hypervisor");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    using _folder = lockFolder(folder);
    const { exchange, listen = usualAddress, uplink, "vm-cidr": vmCidr } = values;
    const address = parseTcpAddress(listen, "listen");
    await using hypervisor = await services.openHypervisor({
      root: instance.root,
      run: instance.run,
      logLevel: instance.logLevel,
      listen: address,
      ...(vmCidr !== undefined && { vmCidr }),
      ...(uplink !== undefined && { uplink }),
      ...(exchange !== undefined && { exchangeFolder: resolve(exchange) }),
    });
    using _file = writeHypervisorFile(instance.run, address.host, hypervisor);
    using _pid = writePidFile(instance.run, "hypervisor");
    if (!signal.aborted) await once(signal, "abort");
    return 0;
  },
});
