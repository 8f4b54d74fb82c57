import { readFileSync } from "node:fs";
import { Fault } from "#base/fault.ts";

interface SecurityOptions {
  readonly SecurityOpt: readonly string[] | null;
  readonly MaskedPaths?: readonly string[];
  readonly ReadonlyPaths?: readonly string[];
}

/** `--security-opt`: a seccomp profile's file is sent as its content, `systempaths=unconfined` becomes two empty lists. */
export function securityOptions(options: readonly string[]): SecurityOptions {
  const others: string[] = [];
  let isUnconfined = false;
  for (const option of options) {
    if (option === "systempaths=unconfined") {
      isUnconfined = true;
      continue;
    }
    const parts = option.includes("=") ? split(option, "=") : split(option, ":");
    if (parts === undefined && option !== "no-new-privileges")
      throw new Fault("invalid", `invalid --security-opt: ${JSON.stringify(option)}`);
    others.push(parts?.[0] === "seccomp" ? seccompOf(parts[1]) : option);
  }
  return {
    SecurityOpt: others.length === 0 ? null : others,
    ...(isUnconfined ? { MaskedPaths: [], ReadonlyPaths: [] } : {}),
  };
}

function split(option: string, mark: string): readonly [string, string] | undefined {
  const at = option.indexOf(mark);
  return at < 0 ? undefined : [option.slice(0, at), option.slice(at + 1)];
}

function seccompOf(value: string): string {
  if (value === "unconfined" || value === "builtin") return `seccomp=${value}`;
  let content: string;
  try {
    content = readFileSync(value, "utf8");
  } catch {
    throw new Fault(
      "invalid",
      `opening seccomp profile (${value}) failed: open ${value}: no such file or directory`,
    );
  }
  try {
    return `seccomp=${JSON.stringify(JSON.parse(content))}`;
  } catch (error) {
    throw new Fault("invalid", `compacting json for seccomp profile (${value}) failed: ${String(error)}`);
  }
}
