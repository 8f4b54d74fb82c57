import { existsSync } from "node:fs";
import { Fault } from "#base/fault.ts";
import type { DockerClient } from "#client/docker-client.ts";
import type { Context } from "../../context.ts";
import { parseBytes } from "../../options/quantities.ts";
import { formatBytes } from "../../output/units.ts";
import { awaitAddress } from "../addresses.ts";
import { checkNameIsFree } from "../check-name.ts";
import type { ImageRow } from "../formats.ts";
import { ensureMedium, type ImageMedium } from "../image-medium.ts";
import { inTime } from "../in-time.ts";
import { firmwareDevices, hardwareOf, imageOf } from "../machine-flags.ts";
import type { Hypercore } from "../open-hypercore.ts";
import { type CloudConfig, writeCloudConfig } from "../user-data/cloud-config.ts";
import { awaitAnswer } from "./await-answer.ts";
import type { DeployPlan, DeployValues } from "./plan.ts";
import { openProgress, type Step } from "./progress.ts";

interface Deployment extends Pick<Context, "err" | "instance" | "signal"> {
  readonly hypercore: Hypercore;
  readonly engine: DockerClient;
  readonly plan: DeployPlan;
  readonly values: DeployValues;
  readonly configure: (isOnMedium: boolean) => CloudConfig;
}

/**
 * The whole recipe: images into the library, a machine, its start, its address, its workload's answer. A machine that could not be
 * started is removed again; one that does not answer is left for who wants to look into it.
 *
 * @throws {Fault} `unavailable` when the time is over
 */
export async function carryOut(deployment: Deployment): Promise<{ readonly uuid: string }> {
  const { hypercore, plan, signal } = deployment;
  const step = openProgress(deployment);
  await checkNameIsFree(hypercore.client, plan.name, signal);
  const disk = await findDisk(deployment, step);
  const medium = await findMedium(deployment, step);
  const uuid = await step(
    "machine",
    async () => await startedMachine(deployment, disk, medium),
    () => `${plan.name} started`,
  );
  await awaitWorkload(deployment, uuid, step);
  return { uuid };
}

async function findDisk({ hypercore, plan, signal }: Deployment, step: Step): Promise<ImageRow> {
  const { diskImage, runtime } = plan;
  if (diskImage.endsWith(`/gantry-os-${runtime}.qcow2`) && !existsSync(diskImage))
    throw new Fault(
      "precondition",
      `${diskImage} is not there: make it with 'gantry os build --runtime ${runtime}', or name an image with --image`,
    );
  const { image } = await step(
    "disk",
    async () => await imageOf(hypercore.client, diskImage, signal),
    ({ image: found, isNew }) => `${found.name} ${isNew ? "uploaded" : "is in the library"}`,
  );
  if (image.kind !== "disk") throw new Fault("invalid", `${image.name} is no disk image`);
  return image;
}

async function findMedium(deployment: Deployment, step: Step): Promise<ImageMedium | undefined> {
  const { hypercore, engine, plan, instance, signal } = deployment;
  const { image } = plan.workload;
  return await step(
    "image",
    async () => await ensureMedium(hypercore.client, engine, image, instance.root, signal),
    (medium) =>
      medium === undefined
        ? `${image} is pulled by the machine`
        : `${image} on a CD-ROM of ${formatBytes(medium.sizeBytes)}${medium.isNew ? "" : ", which is in the library"}`,
  );
}

async function startedMachine(
  { hypercore, plan, values, configure, signal }: Deployment,
  disk: ImageRow,
  medium: ImageMedium | undefined,
): Promise<string> {
  const { client } = hypercore;
  const { firmware = "bios" } = values;
  const capacity = Math.max(values.disk === undefined ? 0 : parseBytes(values.disk), disk.sizeBytes);
  const drive = { type: "IDE_CDROM" as const, capacity: 0 };
  const userData = Buffer.from(writeCloudConfig(configure(medium !== undefined))).toString("base64");
  const uuid = await client.createMachine(
    {
      name: plan.name,
      ...hardwareOf(values),
      blockDevs: [
        { type: "VIRTIO_DISK", capacity, path: `scribe/${disk.uuid}` },
        ...(medium === undefined ? [] : [{ ...drive, path: `scribe/${medium.uuid}` }]),
        ...firmwareDevices(firmware),
      ],
      cloudInitData: { userData, metaData: "" },
    },
    firmware,
    signal,
  );
  try {
    await client.act(uuid, "START", signal);
  } catch (error) {
    await client.remove("VirDomain", uuid, AbortSignal.timeout(10_000)).catch(() => {});
    throw error;
  }
  return uuid;
}

async function awaitWorkload(deployment: Deployment, uuid: string, step: Step): Promise<void> {
  const { plan, instance, hypercore, signal } = deployment;
  let missing = `address in ${plan.timeoutS} seconds; see: gantry vm console ${plan.name}`;
  const answers = async (inner: AbortSignal) => {
    const wanted = { uuid, root: instance.root, whenOff: `${plan.name} has been switched off` };
    const { address } = await step(
      "address",
      async () => await awaitAddress(hypercore, wanted, inner),
      ({ address: found, by }) => `${found}, from its ${by}`,
    );
    for (const { port } of plan.workload.ports.filter(({ protocol }) => protocol === "tcp")) {
      missing = `answer of ${address}:${port} in ${plan.timeoutS} seconds; see: gantry vm ssh ${plan.name} journalctl -u gantry-workload`;
      await step(
        "answer",
        async () => await awaitAnswer(address, port, inner),
        ({ status }) =>
          status === undefined
            ? `${address}:${port} is open`
            : `http://${address}:${port}/ answers ${status}`,
      );
    }
  };
  await inTime(plan.timeoutS, answers, () => `no ${missing}`, signal);
}
