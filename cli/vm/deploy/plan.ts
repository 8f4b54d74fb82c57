import { join } from "node:path";
import { Fault } from "#base/fault.ts";
import { collectEnvironment } from "../../options/environment.ts";
import { hardwareFlags, type HardwareValues } from "../machine-flags.ts";
import { bool, type FlagTable, type FlagValues, list, number, text } from "../../flags.ts";
import { recipes } from "../user-data/recipes.ts";
import { type RuntimeName, runtimeNames, type Workload } from "../user-data/workload.ts";
import { publishedPorts } from "./published-ports.ts";
import { parseReference } from "#oci/reference.ts";

export const deployFlags = {
  run: text("IMAGE", "Container image to run", undefined, { complete: "image" }),
  runtime: text("string", "gantry, docker, containerd or cri-o", undefined, {
    complete: runtimeNames,
    shownDefault: "gantry",
  }),
  publish: list("list", "A port of the machine that leads to one of the container, PORT:PORT", "p"),
  env: list("list", "An environment variable, KEY=VALUE or KEY", "e"),
  "env-file": list("list", "A file of environment variables", undefined, { complete: "file" }),
  image: text("FILE|NAME", "Disk image with the runtime (default: what 'gantry os build' made)", undefined, {
    complete: "file",
  }),
  packages: bool("Install the runtime and the guest agent at the first boot, for an image without them"),
  print: bool("Print the user-data and do nothing"),
  "dry-run": bool("As --print"),
  timeout: number("SECONDS", "How long it may take until the workload answers", undefined, {
    shownDefault: "600",
  }),
  ...hardwareFlags,
} as const satisfies FlagTable;

export type DeployValues = FlagValues<typeof deployFlags> & HardwareValues;

/** What is to be deployed. */
export interface DeployPlan {
  readonly name: string;
  readonly runtime: RuntimeName;
  readonly workload: Omit<Workload, "isOnMedium">;
  /** A file or a name in the library. */
  readonly diskImage: string;
  readonly hasPackages: boolean;
  readonly timeoutS: number;
}

/** @throws {Fault} `invalid` for flags that make no sense */
export function planDeploy(
  values: DeployValues,
  name: string,
  command: readonly string[],
  { root, env }: { readonly root: string; readonly env: Readonly<Record<string, string | undefined>> },
): DeployPlan {
  const { run, runtime = "gantry", packages, timeout = 600 } = values;
  if (run === undefined) throw new Fault("invalid", "--run says which container image is to run");
  parseReference(run);
  if (!isRuntime(runtime))
    throw new Fault("invalid", `there is no runtime ${runtime}: use ${runtimeNames.join(", ")}`);
  if (packages && recipes[runtime].packages === undefined)
    throw new Fault("invalid", `the distribution has no package of ${runtime}: use an image that has it`);
  if (packages && values.image === undefined)
    throw new Fault("invalid", "--packages is for an --image without the runtime");
  return {
    name,
    runtime,
    workload: {
      image: run,
      env: collectEnvironment(values["env-file"], values.env, env),
      ports: publishedPorts(values.publish),
      command,
    },
    diskImage: values.image ?? join(root, `hypervisor/os/gantry-os-${runtime}.qcow2`),
    hasPackages: packages,
    timeoutS: timeout,
  };
}

function isRuntime(name: string): name is RuntimeName {
  return (runtimeNames as readonly string[]).includes(name);
}
