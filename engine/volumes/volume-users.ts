/** Which containers use which volumes. */
export class VolumeUsers {
  readonly #byVolume = new Map<string, Set<string>>();
  readonly #byContainer = new Map<string, Set<string>>();

  add(volume: string, container: string): void {
    put(this.#byVolume, volume, container);
    put(this.#byContainer, container, volume);
  }

  remove(volume: string, container: string): void {
    drop(this.#byVolume, volume, container);
    drop(this.#byContainer, container, volume);
  }

  of(volume: string): readonly string[] {
    return [...(this.#byVolume.get(volume) ?? [])];
  }

  isUsed(volume: string): boolean {
    return this.#byVolume.has(volume);
  }

  volumesOf(container: string): readonly string[] {
    return [...(this.#byContainer.get(container) ?? [])];
  }
}

function put(map: Map<string, Set<string>>, key: string, value: string): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, new Set([value]));
  else known.add(value);
}

function drop(map: Map<string, Set<string>>, key: string, value: string): void {
  const known = map.get(key);
  known?.delete(value);
  if (known?.size === 0) map.delete(key);
}
