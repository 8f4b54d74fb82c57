import { Fault, messageOf } from "#base/fault.ts";
import {
  asArray,
  asObject,
  asString,
  isAbsent,
  type JsonObject,
  optionalString,
  optionalStrings,
} from "../shape.ts";
import {
  type Action,
  ALLOW,
  EPERM,
  fail,
  KILL_PROCESS,
  KILL_THREAD,
  LOG,
  NOTIFY,
  TRAP,
  trace,
} from "./action.ts";
import type {
  Circumstances,
  Comparison,
  Condition,
  FilterOptions,
  KernelVersion,
  Profile,
  Rule,
} from "./rules.ts";
import type { Abi } from "./syscalls.ts";

const MAX_ENTRIES = 100_000;

/**
 * Reads a profile in Docker's format, which is the OCI runtime's with circumstances added and tidied away before a runtime sees
 * it. Names match in any case, null counts as absent, unknown fields and unknown system calls are ignored.
 *
 * @returns undefined for a profile without default action and rules, which stands for no filter at all
 * @throws {Fault} `invalid`, in the words of Docker and runc where they have any
 * @see OCI runtime-spec v1.2, config-linux.md#seccomp; Docker, seccomp security profiles
 */
export function parseProfile(json: string): Profile | undefined {
  const document = fieldsOf(
    decode(() => parseExactly(json)),
    "profile",
  );
  const rules = list(document["syscalls"], "syscalls").map((rule) => fieldsOf(rule, "syscalls"));
  const defaultAction = decode(() => optionalString(document["defaultaction"], "defaultAction")) ?? "";
  if (defaultAction === "" && rules.length === 0) return undefined;
  const parsed = {
    defaultAction: actionOf(defaultAction, errno(document["defaulterrnoret"], "defaultErrnoRet")),
    subAbis: parseArchitectures(document),
    rules: rules.flatMap(parseRule),
    decides: "up-to-newest-named",
    filter: parseFilterOptions(document),
  } as const;
  refuseUnanswerable(parsed);
  return parsed;
}

/** With natural numbers as bigints: values of 64 bits do not survive as floating point numbers. */
function parseExactly(json: string): unknown {
  const keepExact = (_key: string, value: unknown, { source = "" }: { readonly source?: string }): unknown =>
    typeof value === "number" && /^\d{1,20}$/.test(source) ? BigInt(source) : value;
  return JSON.parse(json, keepExact as (key: string, value: unknown) => unknown);
}

function decode<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Fault("invalid", `Decoding seccomp profile failed: ${messageOf(error)}`, { cause: error });
  }
}

/** With the keys in lower case, as Go's decoder takes them in any. An exact duplicate's last one wins. */
function fieldsOf(value: unknown, what: string): JsonObject {
  const object = decode(() => asObject(value, what));
  const fields = Object.create(null) as Record<string, unknown>;
  for (const [key, field] of Object.entries(object)) fields[key.toLowerCase()] = field;
  return fields;
}

function list(value: unknown, what: string): readonly unknown[] {
  return isAbsent(value) ? [] : decode(() => asArray(value, what, MAX_ENTRIES));
}

function strings(value: unknown, what: string): readonly string[] {
  return decode(() => optionalStrings(value, what, MAX_ENTRIES)) ?? [];
}

function unsigned(value: unknown, what: string, bits: number): bigint {
  if (isAbsent(value)) return 0n;
  return decode(() => {
    if (typeof value !== "bigint") throw new Fault("invalid", `${what} is not an unsigned number`);
    if (value >> BigInt(bits) !== 0n) throw new Fault("invalid", `${what} has more than ${bits} bits`);
    return value;
  });
}

function errno(value: unknown, what: string): number {
  return isAbsent(value) ? EPERM : Number(unsigned(value, what, 32));
}

/** One above the greatest error number that the kernel can return. */
const ERRNO_END = 4095;

function actionOf(name: string, returned: number): Action {
  switch (name) {
    case "SCMP_ACT_ALLOW":
      return ALLOW;
    case "SCMP_ACT_ERRNO":
      if (returned >= ERRNO_END)
        throw new Fault("invalid", `${returned} is not an error number that seccomp can return`);
      return fail(returned);
    case "SCMP_ACT_KILL":
    case "SCMP_ACT_KILL_THREAD":
      return KILL_THREAD;
    case "SCMP_ACT_KILL_PROCESS":
      return KILL_PROCESS;
    case "SCMP_ACT_TRAP":
      return TRAP;
    case "SCMP_ACT_TRACE":
      return trace(returned & 0xffff);
    case "SCMP_ACT_LOG":
      return LOG;
    case "SCMP_ACT_NOTIFY":
      return NOTIFY;
    default:
      throw new Fault("invalid", `string ${name} is not a valid action for seccomp`);
  }
}

/** Those that can be a sub-architecture of one we run on; the others are names only. */
const abiNames: ReadonlyMap<string, Abi | undefined> = new Map<string, Abi | undefined>([
  ["SCMP_ARCH_X86_64", "x86_64"],
  ["SCMP_ARCH_X86", "x86"],
  ["SCMP_ARCH_X32", "x32"],
  ["SCMP_ARCH_AARCH64", "aarch64"],
  ["SCMP_ARCH_ARM", "arm"],
  ...["MIPS", "MIPS64", "MIPS64N32", "MIPSEL", "MIPSEL64", "MIPSEL64N32", "PPC", "PPC64", "PPC64LE"].map(
    (name) => [`SCMP_ARCH_${name}`, undefined] as const,
  ),
  ...["RISCV64", "S390", "S390X", "PARISC", "PARISC64", "LOONGARCH64", "M68K", "SH", "SHEB"].map(
    (name) => [`SCMP_ARCH_${name}`, undefined] as const,
  ),
]);

function abiOf(name: string): Abi | undefined {
  if (!abiNames.has(name)) throw new Fault("invalid", `string ${name} is not a valid arch for seccomp`);
  return abiNames.get(name);
}

function parseArchitectures(document: JsonObject): Profile["subAbis"] {
  const architectures = strings(document["architectures"], "architectures");
  const archMap = list(document["archmap"], "archMap").map((entry) => fieldsOf(entry, "archMap"));
  if (architectures.length > 0 && archMap.length > 0)
    throw new Fault(
      "invalid",
      "both 'architectures' and 'archMap' are specified in the seccomp profile, use either 'architectures' or 'archMap'",
    );
  const flat = architectures.map(abiOf).filter((abi) => abi !== undefined);
  const subAbis: Partial<Record<Abi, readonly Abi[]>> = { x86_64: flat, aarch64: flat };
  // The first entry for an architecture counts.
  for (const entry of archMap.toReversed()) {
    const native = abiOf(decode(() => optionalString(entry["architecture"], "architecture")) ?? "");
    const subs = strings(entry["subarchitectures"], "subArchitectures").map(abiOf);
    if (native !== undefined) subAbis[native] = subs.filter((abi) => abi !== undefined);
  }
  return subAbis;
}

function parseFilterOptions(document: JsonObject): FilterOptions {
  const flags = strings(document["flags"], "flags");
  const unknown = flags.find((flag) => !knownFlags.has(flag));
  if (unknown !== undefined) throw new Fault("invalid", `seccomp flag "${unknown}" not known`);
  const listenerPath = decode(() => optionalString(document["listenerpath"], "listenerPath")) ?? "";
  const metadata = decode(() => optionalString(document["listenermetadata"], "listenerMetadata")) ?? "";
  return {
    ...(flags.length > 0 && { flags }),
    ...(listenerPath !== "" && { listenerPath }),
    ...(metadata !== "" && { listenerMetadata: metadata }),
  };
}

/** Those of crun 1.8. */
const knownFlags: ReadonlySet<string> = new Set([
  "SECCOMP_FILTER_FLAG_TSYNC",
  "SECCOMP_FILTER_FLAG_LOG",
  "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
  "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
]);

function parseRule(fields: JsonObject): readonly Rule[] {
  const common = {
    names: namesOf(fields),
    action: actionOf(
      decode(() => optionalString(fields["action"], "action")) ?? "",
      errno(fields["errnoret"], "errnoRet"),
    ),
    includes: parseCircumstances(fields["includes"], "includes"),
    excludes: parseCircumstances(fields["excludes"], "excludes"),
  };
  const args = list(fields["args"], "args").map((arg) => parseCondition(fieldsOf(arg, "args")));
  // Conditions are alternatives as soon as two are about the same argument. That is how it always was.
  if (new Set(args.map(({ index }) => index)).size < args.length)
    return args.map((condition) => ({ ...common, args: [condition] }));
  return [{ ...common, args }];
}

function namesOf(fields: JsonObject): readonly string[] {
  const names = strings(fields["names"], "names");
  const name = decode(() => optionalString(fields["name"], "name")) ?? "";
  if (name !== "" && names.length > 0)
    throw new Fault(
      "invalid",
      "both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'",
    );
  if (names.includes("")) throw new Fault("invalid", "empty string is not a valid syscall");
  return name === "" ? names : [name];
}

function parseCircumstances(value: unknown, what: string): Circumstances {
  if (isAbsent(value)) return {};
  const fields = fieldsOf(value, what);
  const minKernel = parseKernel(fields["minkernel"]);
  return {
    capabilities: strings(fields["caps"], "caps"),
    architectures: strings(fields["arches"], "arches"),
    ...(minKernel !== undefined && { minKernel }),
  };
}

function parseKernel(value: unknown): KernelVersion | undefined {
  if (isAbsent(value) || value === "") return undefined;
  return decode(() => {
    const text = asString(value, "minKernel");
    const [, major, minor] = /^(\d{1,3})\.(\d{1,3})$/.exec(text) ?? [];
    const version = { major: Number(major), minor: Number(minor) };
    if (!(version.major <= 255 && version.minor <= 255 && version.major + version.minor > 0))
      throw new Fault(
        "invalid",
        `invalid kernel version: ${JSON.stringify(text)}, expected "<kernel>.<major>"`,
      );
    return version;
  });
}

const comparisons: ReadonlyMap<string, Comparison> = new Map([
  ["SCMP_CMP_NE", "!="],
  ["SCMP_CMP_LT", "<"],
  ["SCMP_CMP_LE", "<="],
  ["SCMP_CMP_EQ", "=="],
  ["SCMP_CMP_GE", ">="],
  ["SCMP_CMP_GT", ">"],
  ["SCMP_CMP_MASKED_EQ", "masked=="],
]);

function parseCondition(fields: JsonObject): Condition {
  const name = decode(() => optionalString(fields["op"], "op")) ?? "";
  const op = comparisons.get(name);
  if (op === undefined) throw new Fault("invalid", `string ${name} is not a valid operator for seccomp`);
  const index = unsigned(fields["index"], "index", 32);
  if (index > 5n) throw new Fault("invalid", `there is no argument ${index}: a system call has six, from 0`);
  const value = unsigned(fields["value"], "value", 64);
  const valueTwo = unsigned(fields["valuetwo"], "valueTwo", 64);
  return { index: Number(index), op, value, valueTwo };
}

/** The runtime itself writes when it hands over the listener; no one could answer for it. */
function refuseUnanswerable({ defaultAction, rules, filter }: Omit<Profile, "decides">): void {
  if (defaultAction === NOTIFY)
    throw new Fault("invalid", "SCMP_ACT_NOTIFY cannot be used as default action");
  const notifying = rules.filter(({ action }) => action === NOTIFY);
  if (notifying.some(({ names }) => names.includes("write")))
    throw new Fault("invalid", "SCMP_ACT_NOTIFY cannot be used for the write syscall");
  if (notifying.length > 0 && filter.listenerPath === undefined)
    throw new Fault("invalid", "SCMP_ACT_NOTIFY needs a listenerPath");
}
