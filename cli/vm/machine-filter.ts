import type { VirDomain } from "#api/hypercore/types.ts";
import { Fault } from "#base/fault.ts";
import { parseFilterSpecs } from "../options/filter-specs.ts";

const tests: Readonly<Record<string, (vm: VirDomain, value: string) => boolean>> = {
  name: ({ name }, value) => name.includes(value),
  state: ({ state }, value) => state === value.toUpperCase(),
  tag: ({ tags }, value) => tags.split(",").includes(value),
};

/** Whether a machine fits: one of the values of every key. @throws {Fault} `invalid` for a key that there is not */
export function matches(vm: VirDomain, specs: readonly string[]): boolean {
  return Object.entries(parseFilterSpecs(specs)).every(([key, values]) => {
    const test = tests[key];
    if (test === undefined) throw new Fault("invalid", `invalid filter '${key}'`);
    return values.some((value) => test(vm, value));
  });
}
