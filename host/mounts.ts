import { readFileSync } from "node:fs";

/** What is mounted where, as this process sees it. */
export interface HostMount {
  readonly target: string;
  readonly isShared: boolean;
  readonly isSlave: boolean;
}

/** In the order they were mounted. */
export function hostMounts(): readonly HostMount[] {
  return parseMounts(readFileSync("/proc/self/mountinfo", "utf8"));
}

/** Where something is mounted at or below a folder, in the order it was. */
export function mountsBelow(folder: string): readonly string[] {
  return hostMounts()
    .map(({ target }) => target)
    .filter((target) => target === folder || target.startsWith(`${folder}/`));
}

/** @see man 5 proc_pid_mountinfo */
export function parseMounts(text: string): readonly HostMount[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [, , , , target = "", , ...rest] = line.split(" ");
      const optional = rest.slice(0, rest.indexOf("-"));
      return {
        target: target.replace(/\\([0-7]{3})/g, (_, octal: string) =>
          String.fromCharCode(Number.parseInt(octal, 8)),
        ),
        isShared: optional.some((field) => field.startsWith("shared:")),
        isSlave: optional.some((field) => field.startsWith("master:")),
      };
    });
}
