import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ImageManifest } from "./image-manifest.ts";

/** Lists of manifests that are being made, in the folder of Docker's configuration, where Docker's tools have them too. */
export class ManifestStore {
  readonly #folder: string;

  /** @param configFolder that `config.json` is in */
  constructor(configFolder: string) {
    this.#folder = join(configFolder, "manifests");
  }

  /** Those of a list, in the order of their names; undefined when there is no such list. @param list a whole reference */
  find(list: string): readonly ImageManifest[] | undefined {
    const folder = this.#placeOf(list);
    let names: readonly string[];
    try {
      names = readdirSync(folder);
    } catch {
      return undefined;
    }
    return [...names]
      .filter((name) => !name.startsWith("."))
      .sort()
      .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as ImageManifest);
  }

  save(list: string, manifest: ImageManifest): void {
    const folder = this.#placeOf(list);
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    const fresh = join(folder, `.new-${process.pid}`);
    writeFileSync(fresh, JSON.stringify(manifest));
    renameSync(fresh, join(folder, fileName(manifest.Ref)));
  }

  remove(list: string): void {
    rmSync(this.#placeOf(list), { recursive: true, force: true });
  }

  #placeOf(list: string): string {
    return join(this.#folder, fileName(list));
  }
}

function fileName(reference: string): string {
  return reference.replaceAll(":", "-").replaceAll("/", "_");
}
