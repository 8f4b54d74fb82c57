import type { Change } from "./ledger.ts";
import { chainRules, choiceOf, emptyRuleset, type RulesetFacts } from "./ruleset.ts";

/**
 * The commands for what changed, all on one line as one transaction: chains that are missing first, then elements that go, then
 * those that come. No chain, rule or set ever goes, so whoever watches the table can tell others' flushes from these.
 *
 * @param chains those that there are; the names of those that the commands make are added
 */
export function planChanges(changes: readonly Change[], chains: Set<string>, facts: RulesetFacts): string {
  const { table } = facts;
  const gone = group(changes, ({ key, before }) => (before === undefined ? undefined : key));
  const come = group(changes, ({ key, now }) => (now === undefined ? undefined : elementText(key, now)));
  return [
    ...newChains(changes, chains, facts).flatMap(([chain, rules]) => [
      `add chain ip ${table} ${chain}`,
      ...rules.map((rule) => `add rule ip ${table} ${chain} ${rule}`),
    ]),
    ...gone.map(([set, elements]) => `delete element ip ${table} ${set} { ${elements.join(", ")} }`),
    ...come.map(([set, elements]) => `add element ip ${table} ${set} { ${elements.join(", ")} }`),
  ].join("; ");
}

/** The whole table as a file that replaces whatever it holds, in one transaction. */
export function planTable(changes: readonly Change[], chains: Set<string>, facts: RulesetFacts): string {
  return `${emptyRuleset(facts)}${planChanges(changes, chains, facts).replaceAll("; ", "\n")}\n`;
}

function newChains(
  changes: readonly Change[],
  chains: Set<string>,
  facts: RulesetFacts,
): readonly (readonly [string, readonly string[]])[] {
  const made: (readonly [string, readonly string[]])[] = [];
  for (const { now = "" } of changes) {
    const choice = choiceOf(now);
    if (choice === undefined) continue;
    const [chain, rules] = chainRules(choice, facts);
    if (chains.has(chain)) continue;
    chains.add(chain);
    made.push([chain, rules]);
  }
  return made;
}

function elementText(key: string, data: string): string {
  return data === "" ? key : `${key} : ${data}`;
}

function group(
  changes: readonly Change[],
  textOf: (change: Change) => string | undefined,
): readonly (readonly [string, readonly string[]])[] {
  const groups = new Map<string, string[]>();
  for (const change of changes) {
    const text = textOf(change);
    if (text === undefined) continue;
    const known = groups.get(change.set);
    if (known === undefined) groups.set(change.set, [text]);
    else known.push(text);
  }
  return [...groups];
}
