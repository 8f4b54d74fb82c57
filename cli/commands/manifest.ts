import type { Entries, Entry } from "../command-tree.ts";
import { defineCommand } from "../context.ts";
import { Exit } from "../failure.ts";

const verbs = ["annotate", "create", "inspect", "push", "rm"];

/** Docker's experimental commands for lists of manifests: named, and refused. */
export function entries(): Entries {
  return Object.fromEntries(verbs.map((verb) => [verb, entryOf(verb)]));
}

function entryOf(verb: string): Entry {
  return {
    kind: "command",
    summary: "Not supported",
    load: async () =>
      defineCommand({
        usage: "[ARG...]",
        about:
          "Not supported: images for several platforms come and go whole with push, pull, save and load.",
        flags: {},
        operands: [0, Infinity],
        flagsFirst: true,
        examples: [["gantry push --platform linux/arm64 app", "one platform of an image"]],
        run: async () => {
          throw new Exit(1, `gantry manifest ${verb} is not supported`);
        },
      }),
  };
}
