import { basename } from "node:path";
import { Fault } from "#base/fault.ts";
import { forEachName } from "../../commands/each-container.ts";
import { defineCommand } from "../../context.ts";
import { bool, text } from "../../flags.ts";
import { formatItems } from "../../formats/formatter.ts";
import { findImage, listImages, upload } from "../library.ts";
import { imageColumns } from "../formats.ts";
import { apiFlags, openHypercore } from "../open-hypercore.ts";

const common = { isOwn: true, asksNobody: true } as const;

export const uploadImage = defineCommand({
  ...common,
  usage: "[flags] FILE [NAME]",
  about: [
    "Puts a disk image or an ISO image into the hypervisor's library, for any number of machines, and prints its uuid. The ending of its",
    "name tells its format: qcow2, raw, img, vmdk, vhd, vhdx or iso.",
  ].join("\n"),
  flags: apiFlags,
  operands: [1, 2],
  complete: ["file"],
  examples: [
    ["gantry vm image upload debian-12-genericcloud-amd64.qcow2 debian-12.qcow2", "under another name"],
  ],
  async run(context, values, [path = "", name = basename(path)]) {
    const { signal } = context;
    const { client } = await openHypercore(context, values);
    if ((await listImages(client, signal)).some((image) => image.name === name))
      throw new Fault("already-exists", `there is an image ${name} already`);
    context.out.write(`${(await upload(client, path, name, signal)).uuid}\n`);
    return 0;
  },
});

export const ls = defineCommand({
  ...common,
  usage: "[flags]",
  about: "Lists disk images and ISO images.",
  flags: {
    format: text("string", "table, table TEMPLATE, json or a Go template"),
    quiet: bool("Show only uuids", "q"),
    ...apiFlags,
  },
  operands: [0, 0],
  examples: [["gantry vm image ls", "all of them"]],
  async run(context, values) {
    const { client } = await openHypercore(context, values);
    context.out.write(
      formatItems(await listImages(client, context.signal), imageColumns, {
        format: values.format ?? "table",
        table: "{{.Name}}\t{{.Kind}}\t{{.Size}}\t{{.Allocated}}\t{{.InDrivesOf}}\t{{.UUID}}",
        isQuiet: values.quiet,
        quiet: "{{.UUID}}",
      }),
    );
    return 0;
  },
});

export const remove = defineCommand({
  ...common,
  usage: "[flags] IMAGE [IMAGE...]",
  about: "Deletes images. Machines that were made from them keep their disks.",
  flags: apiFlags,
  operands: [1, Infinity],
  complete: ["machine-image"],
  examples: [["gantry vm image delete debian-12.qcow2", "by name or uuid"]],
  async run(context, values, names) {
    const { signal } = context;
    const { client } = await openHypercore(context, values);
    return await forEachName(context, names, async (name) => {
      const { kind, uuid } = await findImage(client, name, signal);
      await client.remove(kind === "iso" ? "ISO" : "VirtualDisk", uuid, signal);
      return undefined;
    });
  },
});
