import type { CloudConfig } from "./cloud-config.ts";
import { recipes } from "./recipes.ts";
import { writeUnit } from "./unit-file.ts";
import type { RuntimeName, Workload } from "./workload.ts";

const unitName = "gantry-workload.service";

/**
 * The configuration of a machine that runs a workload from its first boot on, and again at every later one.
 *
 * @param hasPackages whether the runtime and the guest agent are installed at the first boot, for an image without them
 * @throws {Fault} `invalid` for a name that no image can have
 */
export function withWorkload(
  base: CloudConfig,
  runtime: RuntimeName,
  workload: Workload,
  hasPackages: boolean,
): CloudConfig {
  const recipe = recipes[runtime];
  const content = writeUnit({
    description: "The workload of this machine",
    after: [recipe.service, "network-online.target"],
    ...recipe.unit(workload),
  });
  return {
    ...base,
    ...(hasPackages && {
      package_update: true,
      packages: ["qemu-guest-agent", ...(recipe.packages ?? [])],
    }),
    write_files: [
      { path: `/etc/systemd/system/${unitName}`, permissions: "0644", content },
      ...recipe.files(workload),
    ],
    runcmd: [
      ...(hasPackages ? [["systemctl", "start", "qemu-guest-agent.service"]] : []),
      ["systemctl", "daemon-reload"],
      ["systemctl", "enable", "--now", "--no-block", unitName],
    ],
  };
}
