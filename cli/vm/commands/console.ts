import { Exit } from "../../failure.ts";
import { defineCommand } from "../../context.ts";
import { bool, text } from "../../flags.ts";
import { isTerminalDevice } from "../../output/terminal.ts";
import { runSession } from "../../streams/session.ts";
import { openMachine } from "../connect-machine.ts";
import { consoleUrl, openSerial } from "../console.ts";
import { apiFlags } from "../open-hypercore.ts";
import { isOn } from "../power.ts";

const usualEscape = "ctrl-]";

export const command = defineCommand({
  isOwn: true,
  asksNobody: true,
  needsNode: true,
  usage: "[flags] MACHINE",
  about: [
    "Joins the terminal with the serial port of a machine that runs, through the hypervisor. Ctrl-] leaves it. Without a terminal what",
    "the machine writes is shown until it is off.",
  ].join("\n"),
  flags: {
    escape: text("KEYS", "Keys that leave it", "e", { shownDefault: usualEscape }),
    vnc: bool("Print the address of its screen, for a viewer of VNC over websockets"),
    ...apiFlags,
  },
  operands: [1, 1],
  complete: ["running-machine"],
  examples: [
    ["gantry vm console web", "then Enter, for its login"],
    ["gantry vm console --vnc web", "e.g. for noVNC, with the same user and password"],
  ],
  exitCodes: [
    [0, "it was left, or the machine is off"],
    [1, "the machine does not run"],
  ],
  async run(context, values, [name = ""]) {
    const { out, err, signal } = context;
    const { vm, ...access } = await openMachine(context, values, name);
    if (!isOn(vm)) throw new Exit(1, `gantry: ${vm.name} does not run`);
    if (values.vnc) {
      out.write(`${consoleUrl(access, vm.uuid, "vnc")}\n`);
      return 0;
    }
    const { escape = usualEscape } = values;
    const connection = await openSerial(access, vm.uuid, signal);
    signal.addEventListener("abort", () => connection.close(), { once: true });
    if (isTerminalDevice(0)) err.write(`Connected to ${vm.name}. ${escape} leaves.\n`);
    const end = await runSession(connection, {
      isTty: true,
      hasInput: true,
      detachKeys: escape,
      out,
      err,
    });
    if (end === "detached") err.write("\n");
    return 0;
  },
});
