import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { Fault, messageOf } from "#base/fault.ts";

const parser = "/usr/sbin/apparmor_parser";
const loadedProfiles = "/sys/kernel/security/apparmor/profiles";

/** Whether the kernel confines programs by profiles, and there is what makes them known to it. */
export function hasAppArmor(): boolean {
  try {
    const isOn = readFileSync("/sys/module/apparmor/parameters/enabled", "utf8").startsWith("Y");
    return isOn && existsSync(parser);
  } catch {
    return false;
  }
}

/** Lines like `name (enforce)`. @throws {Error} when they cannot be read */
export function isProfileLoaded(name: string): boolean {
  return readFileSync(loadedProfiles, "utf8")
    .split("\n")
    .some((line) => line.startsWith(`${name} (`));
}

/** @throws {Fault} `unavailable` with what the parser says */
export async function loadProfile(text: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // -K: nothing is written to the parser's cache, which belongs to profiles that lie in files.
  const child = execFile(parser, ["-Kr"], (error, _stdout, stderr) => {
    if (error === null) resolve();
    else reject(new Fault("unavailable", stderr.trim() || messageOf(error), { cause: error }));
  });
  child.stdin?.on("error", () => {}); // it has ended: its exit says why
  child.stdin?.end(text);
  await promise;
}
