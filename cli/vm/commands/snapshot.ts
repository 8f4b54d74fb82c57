import { forEachName } from "../../commands/each-container.ts";
import { defineCommand } from "../../context.ts";
import { bool, text } from "../../flags.ts";
import { formatItems } from "../../formats/formatter.ts";
import { checkNameIsFree } from "../check-name.ts";
import { cloneFrom, snapshotsOf } from "../clone-from.ts";
import { openMachine } from "../connect-machine.ts";
import { chooseSnapshot, findMachine } from "../find.ts";
import { snapshotColumns } from "../formats.ts";
import { apiFlags, openHypercore } from "../open-hypercore.ts";

const common = { isOwn: true, asksNobody: true } as const;

export const create = defineCommand({
  ...common,
  usage: "[flags] MACHINE [LABEL]",
  about: [
    "Keeps all disks of a machine as they are at one moment, and prints the snapshot's uuid. The machine may run; with QEMU's agent in",
    "the guest its file systems are at rest then.",
  ].join("\n"),
  flags: apiFlags,
  operands: [1, 2],
  complete: ["machine"],
  examples: [["gantry vm snapshot create web before-upgrade", "a label says what it is"]],
  async run(context, values, [name = "", label = ""]) {
    const { client, vm } = await openMachine(context, values, name);
    context.out.write(`${await client.createSnapshot(vm.uuid, label, context.signal)}\n`);
    return 0;
  },
});

export const ls = defineCommand({
  ...common,
  usage: "[flags] [MACHINE]",
  about: "Lists the snapshots of a machine, or of all.",
  flags: {
    format: text("string", "table, table TEMPLATE, json or a Go template"),
    quiet: bool("Show only uuids", "q"),
    ...apiFlags,
  },
  operands: [0, 1],
  complete: ["machine"],
  examples: [["gantry vm snapshot ls web", "the oldest first"]],
  async run(context, values, [name]) {
    const { signal } = context;
    const { client } = await openHypercore(context, values);
    const snapshots =
      name === undefined
        ? await client.list("VirDomainSnapshot", signal)
        : await snapshotsOf(client, await findMachine(client, name, signal), signal);
    const now = context.now();
    const rows = snapshots.map((snapshot) => ({ snapshot, now }));
    context.out.write(
      formatItems(rows, snapshotColumns, {
        format: values.format ?? "table",
        table: "{{.Machine}}\t{{.Number}}\t{{.Label}}\t{{.Type}}\t{{.RunningFor}}\t{{.UUID}}",
        isQuiet: values.quiet,
        quiet: "{{.UUID}}",
      }),
    );
    return 0;
  },
});

export const remove = defineCommand({
  ...common,
  usage: "[flags] MACHINE SNAPSHOT [SNAPSHOT...]",
  about: "Deletes snapshots, by label, number or uuid. The machine stays as it is.",
  flags: apiFlags,
  operands: [2, Infinity],
  complete: ["machine"],
  examples: [["gantry vm snapshot delete web before-upgrade", "what only it needs is freed"]],
  async run(context, values, [name = "", ...snapshots]) {
    const { signal } = context;
    const { client, vm } = await openMachine(context, values, name);
    const all = await snapshotsOf(client, vm, signal);
    return await forEachName(context, snapshots, async (snapshot) => {
      await client.remove("VirDomainSnapshot", chooseSnapshot(all, snapshot).uuid, signal);
      return undefined;
    });
  },
});

export const restore = defineCommand({
  ...common,
  usage: "[flags] MACHINE SNAPSHOT NAME",
  about:
    "Makes a new machine as another one was at a snapshot, and prints its uuid. The other one stays as it is.",
  flags: { start: bool("Start it"), ...apiFlags },
  operands: [3, 3],
  complete: ["machine"],
  examples: [
    ["gantry vm snapshot restore --start web before-upgrade web-before", "beside what there is now"],
  ],
  async run(context, values, [source = "", snapshot = "", name = ""]) {
    const { out, signal } = context;
    const { client, vm } = await openMachine(context, values, source);
    await checkNameIsFree(client, name, signal);
    const uuid = await cloneFrom(client, vm, snapshot, { name }, signal);
    if (values.start) await client.act(uuid, "START", signal);
    out.write(`${uuid}\n`);
    return 0;
  },
});
