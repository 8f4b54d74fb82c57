import type { Ulimit } from "#api/docker/container.ts";
import { Fault } from "#base/fault.ts";
import type { HostFacts } from "#host/facts.ts";
import type { ProcessSpec } from "./runtime-spec.ts";

const ulimitNames = new Set([
  "core",
  "cpu",
  "data",
  "fsize",
  "locks",
  "memlock",
  "msgqueue",
  "nice",
  "nofile",
  "nproc",
  "rss",
  "rtprio",
  "rttime",
  "sigpending",
  "stack",
]);

/**
 * The limits that were asked for, lowered to what the daemon itself may set, with a warning. Unlimited is -1, as in the API:
 * the runtime reads it as the largest number there is, which JSON numbers cannot carry.
 *
 * @throws {Fault} `invalid` for an unknown name or a soft limit above the hard one
 */
export function planRlimits(
  ulimits: readonly Ulimit[],
  host: Pick<HostFacts, "hardLimits" | "canRaiseLimits">,
): { readonly rlimits: ProcessSpec["rlimits"]; readonly warnings: readonly string[] } {
  const warnings: string[] = [];
  const rlimits = ulimits.map((ulimit) => {
    checkUlimit(ulimit);
    const type = `RLIMIT_${ulimit.Name.toUpperCase()}`;
    const most = host.canRaiseLimits ? Number.POSITIVE_INFINITY : (host.hardLimits[type] ?? 0);
    if (valueOf(ulimit.Hard) > most) {
      warnings.push(`The ulimit ${ulimit.Name} was lowered to ${most}: the daemon may not set a higher one.`);
    }
    return { type, soft: lowered(ulimit.Soft, most), hard: lowered(ulimit.Hard, most) };
  });
  return { rlimits, warnings };
}

function checkUlimit({ Name, Soft, Hard }: Ulimit): void {
  if (!ulimitNames.has(Name)) throw new Fault("invalid", `invalid ulimit type: ${Name}`);
  if (!isLimit(Soft) || !isLimit(Hard)) {
    throw new Fault("invalid", `invalid ulimit argument: ${Name}=${Soft}:${Hard}`);
  }
  if (valueOf(Soft) <= valueOf(Hard)) return;
  const compared = Soft === -1 ? `soft: -1 (unlimited), hard: ${Hard}` : `${Soft} > ${Hard}`;
  throw new Fault("invalid", `ulimit soft limit must be less than or equal to hard limit: ${compared}`);
}

function isLimit(limit: number): boolean {
  return Number.isSafeInteger(limit) && limit >= -1;
}

function valueOf(limit: number): number {
  return limit === -1 ? Number.POSITIVE_INFINITY : limit;
}

function lowered(limit: number, most: number): number {
  const value = Math.min(valueOf(limit), most);
  return value === Number.POSITIVE_INFINITY ? -1 : value;
}
