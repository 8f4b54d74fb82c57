import { forEachName } from "../../commands/each-container.ts";
import { defineCommand } from "../../context.ts";
import { bool, number } from "../../flags.ts";
import { findMachine } from "../find.ts";
import { removeUnusedMedia } from "../image-medium.ts";
import { apiFlags, openHypercore } from "../open-hypercore.ts";
import { isOn, shutDown } from "../power.ts";

const each = {
  isOwn: true,
  asksNobody: true,
  usage: "[flags] MACHINE [MACHINE...]",
  operands: [1, Infinity],
} as const;

const usualTimeoutS = 300;
const stopFlags = {
  force: bool("Cut the power, without asking the guest", "f"),
  timeout: number("SECONDS", "How long the guest may take", "t", { shownDefault: String(usualTimeoutS) }),
} as const;

export const start = defineCommand({
  ...each,
  about: "Starts machines, and lets paused ones go on.",
  flags: apiFlags,
  complete: ["stopped-machine"],
  examples: [["gantry vm start web db", "both"]],
  async run(context, values, names) {
    const { client } = await openHypercore(context, values);
    return await forEachName(context, names, async (name) => {
      const { uuid } = await findMachine(client, name, context.signal);
      await client.act(uuid, "START", context.signal);
      return undefined;
    });
  },
});

export const stop = defineCommand({
  ...each,
  about: "Presses the power button of machines and waits until they are off. --force cuts their power.",
  flags: { ...stopFlags, ...apiFlags },
  complete: ["running-machine"],
  examples: [
    ["gantry vm stop web", "as its guest shuts down"],
    ["gantry vm stop --force web", "at once"],
  ],
  exitCodes: [
    [0, "all are off"],
    [1, "one is not, or there is none of that name"],
  ],
  async run(context, values, names) {
    const { client } = await openHypercore(context, values);
    const { force, timeout = usualTimeoutS } = values;
    return await forEachName(context, names, async (name) => {
      const vm = await findMachine(client, name, context.signal);
      if (force) await client.act(vm.uuid, "STOP", context.signal);
      else await shutDown(client, vm, timeout, context.signal);
      return undefined;
    });
  },
});

export const restart = defineCommand({
  ...each,
  about: "Shuts machines down and starts them again. --force resets those that run.",
  flags: { ...stopFlags, ...apiFlags },
  complete: ["running-machine"],
  examples: [["gantry vm restart web", "with what was changed while it ran, e.g. memory"]],
  async run(context, values, names) {
    const { client } = await openHypercore(context, values);
    const { force, timeout = usualTimeoutS } = values;
    const { signal } = context;
    return await forEachName(context, names, async (name) => {
      const vm = await findMachine(client, name, signal);
      if (force) await client.act(vm.uuid, "STOP", signal);
      else await shutDown(client, vm, timeout, signal);
      await client.act(vm.uuid, "START", signal);
      return undefined;
    });
  },
});

export const pause = defineCommand({
  ...each,
  about: "Freezes machines until 'gantry vm start'.",
  flags: apiFlags,
  complete: ["running-machine"],
  examples: [["gantry vm pause web", "its memory stays"]],
  async run(context, values, names) {
    const { client } = await openHypercore(context, values);
    return await forEachName(context, names, async (name) => {
      const { uuid } = await findMachine(client, name, context.signal);
      await client.act(uuid, "PAUSE", context.signal);
      return undefined;
    });
  },
});

export const remove = defineCommand({
  ...each,
  about:
    "Deletes machines with their disks and snapshots. What their container images came on goes with the last that needs it.",
  flags: { force: bool("Cut the power of those that run", "f"), ...apiFlags },
  complete: ["machine"],
  examples: [["gantry vm delete web", "one that is off"]],
  async run(context, values, names) {
    const { client } = await openHypercore(context, values);
    const { signal } = context;
    const media = new Set<string>();
    const code = await forEachName(context, names, async (name) => {
      const vm = await findMachine(client, name, signal);
      if (values.force && isOn(vm)) await client.act(vm.uuid, "STOP", signal);
      await client.remove("VirDomain", vm.uuid, signal);
      for (const device of vm.blockDevs) media.add(device.name);
      return undefined;
    });
    await removeUnusedMedia(client, media, signal);
    return code;
  },
});
