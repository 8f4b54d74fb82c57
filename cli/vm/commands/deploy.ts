import { join } from "node:path";
import { isFault } from "#base/fault.ts";
import { dockerClient } from "#client/docker-client.ts";
import { type Context, defineCommand, socketOf } from "../../context.ts";
import { unixTransport } from "../../unix-transport.ts";
import { carryOut } from "../deploy/carry-out.ts";
import { deployFlags, type DeployPlan, type DeployValues, planDeploy } from "../deploy/plan.ts";
import { publicKeysOf } from "../machine-flags.ts";
import { apiFlags, openHypercore } from "../open-hypercore.ts";
import { baseConfig, type CloudConfig, writeCloudConfig } from "../user-data/cloud-config.ts";
import { checkUserData, findSchema } from "../user-data/check-user-data.ts";
import { withWorkload } from "../user-data/with-workload.ts";

export const command = defineCommand({
  isOwn: true,
  usage: "[flags] --run IMAGE NAME [COMMAND [ARG...]]",
  about: [
    "Makes a virtual machine whose only work is one container, and waits until the container answers on its published TCP ports. The",
    "machine is told by cloud-init what to run, and runs it again after every boot. An image that this instance's engine has comes on",
    "a CD-ROM, without a registry; every other one is pulled by the runtime in the machine. The instance's folder of sockets is named by",
    "GANTRY_RUN here, or before the command: gantry --run FOLDER vm deploy.",
  ].join("\n"),
  flags: { ...deployFlags, ...apiFlags },
  operands: [1, Infinity],
  flagsFirst: true,
  examples: [
    ["gantry vm deploy --run nginx -p 80:80 web", "on the image that 'gantry os build' made"],
    ["gantry vm deploy --runtime docker --run nginx -p 80:80 -m 2g web", "with another runtime"],
    [
      "gantry vm deploy --runtime docker --packages --image debian-12.qcow2 --run nginx -p 80:80 web",
      "from a stock cloud image",
    ],
    ["gantry vm deploy --print --run nginx -p 80:80 web", "what cloud-init will be told"],
  ],
  exitCodes: [
    [0, "the workload answers"],
    [1, "it does not; the machine is left as it is when it was started"],
  ],
  async run(context, values, [name = "", ...words]) {
    const { env, instance, out, signal } = context;
    const plan = planDeploy(values, name, words, { root: instance.root, env });
    const keys = await publicKeysOf(values, instance.root, signal);
    const configure = (isOnMedium: boolean): CloudConfig =>
      withWorkload(baseConfig(name, keys), plan.runtime, { ...plan.workload, isOnMedium }, plan.hasPackages);
    await check(context, configure(true));
    if (values.print || values["dry-run"]) {
      out.write(writeCloudConfig(configure(await isInEngine(context, plan))));
      return 0;
    }
    return await deploy(context, values, plan, configure);
  },
});

async function check({ err, instance, signal }: Context, config: CloudConfig): Promise<void> {
  try {
    checkUserData(config, await findSchema(join(instance.root, "bootstrap"), signal));
  } catch (error) {
    if (!isFault(error, "unavailable")) throw error;
    err.write(`gantry: the user-data is not checked: ${error.message}\n`);
  }
}

function engineOf({ instance }: Context) {
  return dockerClient(unixTransport(socketOf(instance)));
}

async function isInEngine(context: Context, { workload }: DeployPlan): Promise<boolean> {
  const { findImageId } = await import("../image-medium.ts");
  return (await findImageId(engineOf(context), workload.image, context.signal)) !== undefined;
}

async function deploy(
  context: Context,
  values: DeployValues & Parameters<typeof openHypercore>[1],
  plan: DeployPlan,
  configure: (isOnMedium: boolean) => CloudConfig,
): Promise<number> {
  const hypercore = await openHypercore(context, values);
  const found = await carryOut({ ...context, hypercore, engine: engineOf(context), plan, values, configure });
  context.out.write(`${found.uuid}\n`);
  return 0;
}
