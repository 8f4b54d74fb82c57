import { defineCommand } from "../context.ts";
import { bool } from "../flags.ts";
import { completionScripts } from "../completion/scripts.ts";

const shells = ["bash", "fish", "zsh"] as const;

export const completion = defineCommand({
  isOwn: true,
  usage: "bash|fish|zsh",
  about:
    "Prints what makes a shell complete commands, flags and names of containers, images, networks, volumes.",
  flags: { "no-descriptions": bool("Without meanings") },
  operands: [1, 1],
  complete: [shells],
  examples: [
    [". <(gantry completion bash)", "in ~/.bashrc"],
    ["gantry completion zsh >~/.zfunc/_gantry", "with ~/.zfunc in fpath"],
    ["gantry completion fish >~/.config/fish/completions/gantry.fish", "for fish"],
  ],
  async run(context, values, [shell = ""]) {
    const script = completionScripts(values["no-descriptions"])[shell];
    if (script === undefined) {
      context.err.write(`gantry: '${shell}' is not one of ${shells.join(", ")}\n`);
      return 1;
    }
    context.out.write(script);
    return 0;
  },
});
