import type { Container, Pod } from "#api/kube/types/core-pods.ts";
import { parseQuantity } from "#orchestrator/machinery/quantity.ts";

type Amounts = Readonly<Record<string, string>> | undefined;

/** Thousandths of processors; of all else whole units. */
export const [cpu, memory, storage] = [0, 1, 2];

/** Numbers the resources that nodes and pods name, so that amounts can be kept in arrays. */
export class ResourceNames {
  readonly #numbers = new Map<string, number>([
    ["cpu", cpu],
    ["memory", memory],
    ["ephemeral-storage", storage],
  ]);
  readonly #names: string[] = ["cpu", "memory", "ephemeral-storage"];

  get count(): number {
    return this.#names.length;
  }

  nameOf(number: number): string {
    return this.#names[number] ?? "";
  }

  numberOf(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    this.#numbers.set(name, this.#names.length);
    return this.#names.push(name) - 1;
  }
}

const parsed = new Map<string, number>();

/** In thousandths. The same few texts come again and again. */
export function milli(text: string | number): number {
  const key = String(text);
  const known = parsed.get(key);
  if (known !== undefined) return known;
  const { unscaled, scale } = parseQuantity(key);
  const shift = scale + 3;
  const value = shift >= 0 ? Number(unscaled) * 10 ** shift : Math.ceil(Number(unscaled) / 10 ** -shift);
  if (parsed.size > 10_000) parsed.clear();
  parsed.set(key, value);
  return value;
}

function amountOf(name: string, text: string | number): number {
  return name === "cpu" ? milli(text) : Math.ceil(milli(text) / 1000);
}

/** The amounts by the numbers of their names, 0 for what is not named; `pods` is counted apart. */
export function amountsOf(amounts: Amounts, names: ResourceNames): number[] {
  const found = [0, 0, 0];
  for (const [name, text] of Object.entries(amounts ?? {})) {
    if (name === "pods") continue;
    const number = names.numberOf(name);
    while (found.length <= number) found.push(0); // without holes it stays fast
    found[number] = amountOf(name, text);
  }
  return found;
}

function add(to: number[], amounts: readonly number[]): void {
  while (to.length < amounts.length) to.push(0);
  for (const [at, amount] of amounts.entries()) to[at] = (to[at] ?? 0) + amount;
}

function raise(to: number[], amounts: readonly number[]): void {
  while (to.length < amounts.length) to.push(0);
  for (const [at, amount] of amounts.entries()) to[at] = Math.max(to[at] ?? 0, amount);
}

/** What scores assume of containers that ask for nothing: a tenth of a processor, 200 MB. */
const [leastCpu, leastMemory] = [100, 200 * 1024 * 1024];

function requestsOf({ resources }: Container, names: ResourceNames, assumesLeast: boolean): number[] {
  const amounts = amountsOf(resources?.requests, names);
  if (!assumesLeast) return amounts;
  if (resources?.requests?.["cpu"] === undefined) amounts[cpu] = leastCpu;
  if (resources?.requests?.["memory"] === undefined) amounts[memory] = leastMemory;
  return amounts;
}

/**
 * What a pod asks for: the sum of its containers and sidecars, or what one of its init containers needs, if that is more; and
 * its overhead. Requests of the pod as a whole count instead, where there are some.
 *
 * @see Kubernetes, Pod resource sharing within init containers; sidecar containers
 */
export function podRequests({ spec }: Pod, names: ResourceNames, assumesLeast = false): number[] {
  const total: number[] = [];
  for (const container of spec.containers) add(total, requestsOf(container, names, assumesLeast));
  const [peak, sidecars]: [number[], number[]] = [[], []];
  for (const container of spec.initContainers ?? []) {
    const own = requestsOf(container, names, assumesLeast);
    if (container.restartPolicy === "Always") {
      add(total, own);
      add(sidecars, own);
      raise(peak, sidecars);
    } else {
      add(own, sidecars);
      raise(peak, own);
    }
  }
  raise(total, peak);
  const whole = amountsOf(spec.resources?.requests, names);
  raise(
    total,
    whole.map(() => 0),
  );
  for (const name of Object.keys(spec.resources?.requests ?? {})) {
    const number = names.numberOf(name);
    total[number] = whole[number] ?? 0;
  }
  add(total, amountsOf(spec.overhead, names));
  return total;
}
