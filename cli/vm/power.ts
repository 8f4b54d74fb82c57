import type { VirDomain } from "#api/hypercore/types.ts";
import { Fault } from "#base/fault.ts";
import { sleep } from "#base/timers.ts";
import type { HypercoreClient } from "#client/hypercore/hypercore-client.ts";
import { systemTimers } from "#host/system-timers.ts";
import { inTime } from "./in-time.ts";

const firstLookMs = 50;
const slowestLookMs = 1000;

/** Whether QEMU has the machine. */
export function isOn({ state }: VirDomain): boolean {
  return state !== "SHUTOFF" && state !== "CRASHED";
}

/**
 * Looks at a machine, more and more seldom, until something is found out about it.
 *
 * @throws {Fault} `not-found` when it is removed meanwhile
 */
export async function lookUntil<T>(
  client: HypercoreClient,
  uuid: string,
  find: (vm: VirDomain) => T | undefined | Promise<T | undefined>,
  signal: AbortSignal,
): Promise<T> {
  let lookMs = firstLookMs;
  for (;;) {
    const vm = await client.find("VirDomain", uuid, signal);
    if (vm === undefined) throw new Fault("not-found", `there is no machine ${uuid} any more`);
    const found = await find(vm);
    if (found !== undefined) return found;
    await sleep(systemTimers, lookMs, signal);
    lookMs = Math.min(slowestLookMs, lookMs * 1.5);
  }
}

/**
 * Presses a machine's power button and resolves when it is off. One that is off already is left alone.
 *
 * @throws {Fault} `unavailable` when the guest takes longer
 */
export async function shutDown(
  client: HypercoreClient,
  vm: VirDomain,
  timeoutS: number,
  signal: AbortSignal,
): Promise<void> {
  if (!isOn(vm)) return;
  const whenOff = (now: VirDomain) => (isOn(now) ? undefined : true);
  await inTime(
    timeoutS,
    async (inner) => {
      await client.act(vm.uuid, "SHUTDOWN", signal);
      await lookUntil(client, vm.uuid, whenOff, inner);
    },
    () => `${vm.name} has not shut down in ${timeoutS} s; --force cuts its power`,
    signal,
  );
}
