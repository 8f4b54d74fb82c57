import { defineCommand } from "../../context.ts";
import { bool, list, number, text } from "../../flags.ts";
import { checkBytes, parseBytes } from "../../options/quantities.ts";
import { checkNameIsFree } from "../check-name.ts";
import { cloneFrom } from "../clone-from.ts";
import { openMachine } from "../connect-machine.ts";
import { encodedFile } from "../machine-flags.ts";
import { apiFlags } from "../open-hypercore.ts";

export const command = defineCommand({
  isOwn: true,
  asksNobody: true,
  usage: "[flags] MACHINE NAME",
  about: [
    "Makes a machine like another one, which may run, and prints its uuid. Their disks share what they have in common, so that one of",
    "any size takes milliseconds. NICs get addresses of their own; snapshots stay behind.",
  ].join("\n"),
  flags: {
    snapshot: text("SNAPSHOT", "As it was then: label, number or uuid"),
    memory: text("bytes", "Another memory", "m", { check: checkBytes }),
    cpus: number("int", "Another number of virtual CPUs"),
    description: text("string", "Another description"),
    tag: list("list", "A tag, instead of its own"),
    "user-data": text("FILE", "For cloud-init in the clone, as it is", undefined, { complete: "file" }),
    "meta-data": text("FILE", "For cloud-init in the clone, as it is", undefined, { complete: "file" }),
    start: bool("Start it"),
    ...apiFlags,
  },
  operands: [2, 2],
  complete: ["machine"],
  examples: [
    ["gantry vm clone web web2", "as it is now"],
    ["gantry vm clone --snapshot before --start web web-before", "as it was, running"],
  ],
  async run(context, values, [source = "", name = ""]) {
    const { out, signal } = context;
    const { client, vm } = await openMachine(context, values, source);
    await checkNameIsFree(client, name, signal);
    const { memory, cpus, description, tag } = values;
    const [userData, metaData] = [encodedFile(values["user-data"]), encodedFile(values["meta-data"])];
    const template = {
      name,
      ...(memory !== undefined && { mem: parseBytes(memory) }),
      ...(cpus !== undefined && { numVCPU: cpus }),
      ...(description !== undefined && { description }),
      ...(tag.length > 0 && { tags: tag.join(",") }),
      ...((userData !== "" || metaData !== "") && { cloudInitData: { userData, metaData } }),
    };
    const uuid = await cloneFrom(client, vm, values.snapshot, template, signal);
    if (values.start) await client.act(uuid, "START", signal);
    out.write(`${uuid}\n`);
    return 0;
  },
});
