import { defineCommand } from "../../context.ts";
import { bool, text } from "../../flags.ts";
import { formatItems } from "../../formats/formatter.ts";
import { naturally } from "../../formats/text.ts";
import { filterFlag } from "../../options/filter-specs.ts";
import { findAddress, readLeases } from "../addresses.ts";
import { machineColumns, machineTable, type MachineRow } from "../formats.ts";
import { matches } from "../machine-filter.ts";
import { apiFlags, openHypercore } from "../open-hypercore.ts";

export const command = defineCommand({
  isOwn: true,
  asksNobody: true,
  usage: "[flags]",
  about: "Lists virtual machines, also those that are off.",
  flags: {
    filter: filterFlag("name=NAME, state=STATE or tag=TAG", "f"),
    format: text("string", "table, table TEMPLATE, json or a Go template"),
    quiet: bool("Show only uuids", "q"),
    ...apiFlags,
  },
  operands: [0, 0],
  examples: [
    ["gantry vm ls", "all of them"],
    ["gantry vm ls --filter state=running --format '{{.Name}} {{.Address}}'", "who is where"],
    ["gantry vm delete --force $(gantry vm ls -q)", "away with all"],
  ],
  async run(context, values) {
    const { client, isLocal } = await openHypercore(context, values);
    const vms = await client.list("VirDomain", context.signal);
    const leases = isLocal ? readLeases(context.instance.root) : "";
    const now = context.now();
    const rows = vms
      .filter((vm) => matches(vm, values.filter))
      .toSorted((a, b) => naturally(a.name, b.name))
      .map((vm): MachineRow => ({ vm, now, address: addressOf(vm, leases) }));
    context.out.write(
      formatItems(rows, machineColumns, {
        format: values.format ?? "table",
        table: machineTable,
        isQuiet: values.quiet,
        quiet: "{{.UUID}}",
      }),
    );
    return 0;
  },
});

/** A machine that is off has none, whatever it was given before. */
function addressOf(vm: MachineRow["vm"], leases: string): string {
  return vm.state === "RUNNING" ? (findAddress(vm, leases)?.address ?? "") : "";
}
