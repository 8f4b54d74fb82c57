import { type FlagValues } from "../../flags.ts";
import { objectName } from "../discovery.ts";
import { type DryRun, dryRunNote } from "../dry-run.ts";
import type { KubeFields } from "../manifests.ts";
import type { ObjectTarget } from "../targets.ts";
import { findPrinter, type outputFlags } from "./choose-printer.ts";

/** Tells what was done to objects: in a line each, or as the objects themselves. */
export interface ResultPrinter {
  print(target: Pick<ObjectTarget, "resource">, verb: string, object: KubeFields): void;
  /** Prints what was held back to be one list. */
  end(): void;
}

/**
 * With `-o` other than `name` several objects are one list where `isList`, and one after the other elsewhere.
 *
 * @throws {KubeFailure} for a format that is none
 */
export function resultPrinter(
  values: FlagValues<typeof outputFlags>,
  dryRun: DryRun,
  isList: boolean,
  write: (text: string) => void,
): ResultPrinter {
  const printer = findPrinter(values, write);
  const held: KubeFields[] = [];
  return {
    print({ resource }, verb, object) {
      if (printer === undefined)
        write(`${objectName(resource, object.metadata?.name ?? "")} ${verb}${dryRunNote(dryRun)}\n`);
      else if (isList && values.output !== "name") held.push(object);
      else printer(object);
    },
    end() {
      const [first] = held;
      if (first === undefined || printer === undefined) return;
      if (held.length === 1) printer(first);
      else printer({ apiVersion: "v1", kind: "List", metadata: { resourceVersion: "" }, items: held });
    },
  };
}
