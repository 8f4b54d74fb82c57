import type { Progress } from "#engine/images/images.ts";
import type { Vertex } from "./progress.ts";

type Part = ReturnType<Vertex["part"]>;

/** The layers that a step gets from a registry, as parts of it: first as they come, then as they are unpacked. */
export class PullParts {
  readonly #vertex: Vertex;
  readonly #parts = new Map<string, Part>();

  constructor(vertex: Vertex) {
    this.#vertex = vertex;
  }

  take({ id = "", status = "", progressDetail = {} }: Progress): void {
    const { current = 0, total = 0 } = progressDetail;
    const extracting = `extracting sha256:${id}`;
    switch (status) {
      case "Downloading":
        return this.#part(`sha256:${id}`).moved(current, total);
      case "Download complete":
        return this.#part(`sha256:${id}`).done();
      case "Extracting":
        return this.#part(extracting).moved(current, total);
      case "Pull complete":
        return this.#part(extracting).done();
      default:
    }
  }

  #part(name: string): Part {
    const part = this.#parts.get(name) ?? this.#vertex.part(name);
    this.#parts.set(name, part);
    return part;
  }
}
