import { type FSWatcher, watch } from "node:fs";
import { stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { parseDockerignore } from "#oci/dockerfile/ignore.ts";
import type { Watch } from "../model.ts";

/** How long changes are gathered: an editor saves in several steps. */
const gatherMs = 100;

/** Tells which paths below a rule's path have changed, gathered, until disposed. A path that is a file is watched itself. */
export async function watchFiles(
  rule: Watch,
  ignored: string,
  onChange: (paths: ReadonlySet<string>) => Promise<void>,
): Promise<Disposable> {
  const isFolder = (await stat(rule.path)).isDirectory();
  const ignore = parseDockerignore([ignored, ...(rule.ignore ?? [])].join("\n"));
  const include = rule.include === undefined ? undefined : parseDockerignore(rule.include.join("\n"));
  const isWanted = (path: string) => !ignore.ignores(path) && (include?.ignores(path) ?? true);
  const changes = new Gathered(onChange);
  const watcher: FSWatcher = watch(rule.path, { recursive: isFolder }, (_, name) => {
    const path = isFolder && name !== null ? join(rule.path, name) : rule.path;
    if (!isFolder || isWanted(relative(rule.path, path))) changes.add(path);
  });
  watcher.on("error", () => {});
  return {
    [Symbol.dispose]() {
      watcher.close();
      changes.stop();
    },
  };
}

/** Hands over what came together, one batch at a time. */
class Gathered {
  readonly #act: (paths: ReadonlySet<string>) => Promise<void>;
  #paths = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(act: (paths: ReadonlySet<string>) => Promise<void>) {
    this.#act = act;
  }

  add(path: string): void {
    this.#paths.add(path);
    this.#timer ??= setTimeout(() => {
      const paths = this.#paths;
      this.#paths = new Set();
      this.#timer = undefined;
      this.#running = this.#running.then(() => this.#act(paths));
    }, gatherMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
