import { type ContainerPolicy, hardenedPolicy, type SideDoors, usualPolicy } from "#base/container-policy.ts";
import { Fault } from "#base/fault.ts";
import type { FlagTable, FlagValues } from "../flags.ts";

/** Flags of whatever starts an engine about what its containers may do. */
export const policyFlags = {
  hardened: {
    kind: "bool",
    help: `All that follows, user namespaces, ${hardenedPolicy.pidsLimit} processes, and no sockets of hidden families for 32-bit programs`,
  },
  "no-new-privileges": {
    kind: "bool",
    help: "No program gains privileges in containers that do not ask for it",
  },
  icc: { kind: "bool", isOn: true, help: "Containers on the default bridge reach each other" },
  "default-pids-limit": {
    kind: "number",
    value: "N",
    help: "Processes in containers without a limit (default none)",
  },
  "side-doors": {
    kind: "text",
    value: "allow|warn|deny",
    help: "What comes of --privileged, sockets of engines and other ways out of containers (warn with --hardened)",
    check: checkSideDoors,
  },
  "allow-insecure-entitlement": {
    kind: "list",
    value: "NAME",
    help: "What builds may give their steps: security.insecure, network.host (given unless --hardened)",
    check: checkEntitlement,
  },
} as const satisfies FlagTable;

/** @throws {Fault} `invalid` */
function checkEntitlement(name: string): void {
  if (name !== "security.insecure" && name !== "network.host")
    throw new Fault("invalid", `unknown entitlement ${JSON.stringify(name)}`);
}

const sideDoors: readonly SideDoors[] = ["allow", "warn", "deny"];

/** @throws {Fault} `invalid` */
function checkSideDoors(text: string): void {
  if (!sideDoors.includes(text as SideDoors))
    throw new Fault("invalid", `it is ${JSON.stringify(text)}, not allow, warn or deny`);
}

type Values = FlagValues<typeof policyFlags>;

/**
 * What the flags come to. A flag beside `--hardened` makes it stricter, never laxer, but for the number of processes.
 *
 * @throws {Fault} `invalid` for a limit that would let nothing run
 */
export function planPolicy(values: Values): ContainerPolicy {
  const pidsLimit = values["default-pids-limit"];
  if (pidsLimit !== undefined && pidsLimit < 1)
    throw new Fault(
      "invalid",
      `--default-pids-limit is ${pidsLimit}: a container needs at least one process`,
    );
  const isHardened = values.hardened;
  return {
    noNewPrivileges: isHardened || values["no-new-privileges"],
    pidsLimit: pidsLimit ?? (isHardened ? hardenedPolicy.pidsLimit : undefined),
    connectsBridge: !isHardened && values.icc,
    allowsSocketcall: !isHardened,
    hidesCgroups: isHardened,
    sideDoors: stricter(
      isHardened ? hardenedPolicy.sideDoors : usualPolicy.sideDoors,
      values["side-doors"] as SideDoors | undefined,
    ),
    buildEntitlements: [
      ...(isHardened ? [] : usualPolicy.buildEntitlements),
      ...values["allow-insecure-entitlement"],
    ],
  };
}

function stricter(least: SideDoors, asked: SideDoors = least): SideDoors {
  return sideDoors.indexOf(asked) > sideDoors.indexOf(least) ? asked : least;
}

/** The instance with what `--hardened` says of all its containers, unless it was told itself. */
export function hardenInstance<T extends { readonly usernsRemap?: string }>(instance: T, values: Values): T {
  return values.hardened ? { ...instance, usernsRemap: instance.usernsRemap ?? "default" } : instance;
}

/** The flags again, as words for another start of the program. */
export function policyWords(values: Values): readonly string[] {
  const { hardened, icc, "no-new-privileges": noNewPrivileges, "default-pids-limit": pidsLimit } = values;
  return [
    ...(hardened ? ["--hardened"] : []),
    ...(noNewPrivileges ? ["--no-new-privileges"] : []),
    ...(icc ? [] : ["--icc=false"]),
    ...(values["side-doors"] === undefined ? [] : [`--side-doors=${values["side-doors"]}`]),
    ...values["allow-insecure-entitlement"].map((name) => `--allow-insecure-entitlement=${name}`),
    ...(pidsLimit === undefined ? [] : [`--default-pids-limit=${pidsLimit}`]),
  ];
}
