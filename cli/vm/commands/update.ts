import type { VirDomain } from "#api/hypercore/types.ts";
import { Fault } from "#base/fault.ts";
import { defineCommand } from "../../context.ts";
import { list, number, text } from "../../flags.ts";
import { checkBytes, parseBytes } from "../../options/quantities.ts";
import { checkNameIsFree } from "../check-name.ts";
import { openMachine } from "../connect-machine.ts";
import { apiFlags } from "../open-hypercore.ts";
import { isOn } from "../power.ts";

export const command = defineCommand({
  isOwn: true,
  asksNobody: true,
  usage: "[flags] MACHINE",
  about: [
    "Changes a machine. Its disk grows at once, also while it runs; another memory or number of CPUs is there from its next start on, for",
    "which 'gantry vm restart' sees.",
  ].join("\n"),
  flags: {
    name: text("NAME", "Another name"),
    memory: text("bytes", "Memory", "m", { check: checkBytes }),
    cpus: number("int", "Virtual CPUs"),
    disk: text("bytes", "Size of its first disk, at least what it is", undefined, { check: checkBytes }),
    description: text("string", "What it is for"),
    tag: list("list", "A tag, instead of those that it has"),
    ...apiFlags,
  },
  operands: [1, 1],
  complete: ["machine"],
  examples: [
    ["gantry vm update --disk 40g web", "its file system is the guest's business"],
    ["gantry vm update -m 4g --cpus 4 web && gantry vm restart web", "more of both"],
  ],
  async run(context, values, [machine = ""]) {
    const { err, out, signal } = context;
    const { client, vm } = await openMachine(context, values, machine);
    const { name, memory, cpus, disk, description, tag } = values;
    if (name !== undefined && name !== vm.name) await checkNameIsFree(client, name, signal);
    const change = {
      ...(name !== undefined && { name }),
      ...(memory !== undefined && { mem: parseBytes(memory) }),
      ...(cpus !== undefined && { numVCPU: cpus }),
      ...(description !== undefined && { description }),
      ...(tag.length > 0 && { tags: tag.join(",") }),
    };
    const growth = disk === undefined ? undefined : growthOf(vm, parseBytes(disk));
    await client.update("VirDomain", vm.uuid, change, signal);
    if (growth !== undefined)
      await client.update("VirDomainBlockDevice", growth.uuid, { capacity: growth.capacity }, signal);
    if (isOn(vm) && (memory !== undefined || cpus !== undefined))
      err.write(`${vm.name} has its memory and CPUs from its next start on\n`);
    out.write(`${machine}\n`);
    return 0;
  },
});

/** @throws {Fault} `invalid` for a machine without a disk, and for a disk that would shrink */
function growthOf({ name, blockDevs }: VirDomain, capacity: number) {
  const first = blockDevs.find(({ type }) => type.endsWith("_DISK"));
  if (first === undefined) throw new Fault("invalid", `${name} has no disk`);
  if (capacity < first.capacity)
    throw new Fault("invalid", `a disk only grows: that of ${name} has ${first.capacity} bytes`);
  return { uuid: first.uuid, capacity };
}
