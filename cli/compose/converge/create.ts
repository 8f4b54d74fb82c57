import { describeFailure } from "../../failure.ts";
import type { Service } from "../model.ts";
import { serviceHash } from "../render/config.ts";
import type { Session } from "../session.ts";
import { containerName, makeContainer, type Roster } from "./container.ts";
import { directDependents, inDependencyOrder } from "./graph.ts";
import { ensureImages, type ImageOptions } from "./images.ts";
import { ensureNetworks, ensureVolumes } from "./networks.ts";
import { containersOf, observe, type Observed } from "./observe.ts";
import { resolveReferences } from "./references.ts";
import { removeContainers, stopContainer } from "./stop.ts";

export type Recreate = "diverged" | "force" | "never";

export interface CreateOptions {
  readonly images: ImageOptions;
  /** Services that were named; the rest are there because something depends on them. */
  readonly services: readonly string[];
  readonly recreate: Recreate;
  readonly recreateDependencies: Recreate;
  readonly renewAnonymous: boolean;
  readonly removeOrphans: boolean;
  readonly ignoreOrphans: boolean;
  readonly timeoutS?: number | undefined;
}

/**
 * Makes networks, volumes, images and containers what the project says, without starting anything. Containers that are still
 * what their service says stay.
 */
export async function createProject(session: Session, options: CreateOptions): Promise<void> {
  warnOfIgnored(session);
  const imageIds = await ensureImages(session, options.images);
  await ensureNetworks(session);
  await ensureVolumes(session);
  const all = await observe(session, session.project.name);
  await handleOrphans(session, all, options);
  const roster: Roster = new Map();
  for (const { service, id, name, isOneoff } of all)
    if (!isOneoff) roster.set(service, [...(roster.get(service) ?? []), { id, name }]);
  await inDependencyOrder(session.project.services, async (name) => {
    const service = session.project.services.get(name);
    if (service === undefined) return;
    const recreate = options.services.includes(name) ? options.recreate : options.recreateDependencies;
    await new Convergence(session, roster, all, name, service, imageIds.get(name) ?? "", {
      ...options,
      recreate,
    }).run();
  });
}

/** Files are mounted as they are: nothing can give a mount another owner. */
function warnOfIgnored({ project, warn }: Session): void {
  for (const { secrets, configs } of project.services.values()) {
    const isIgnored = (kind: "secrets" | "configs") =>
      ((kind === "secrets" ? secrets : configs) ?? []).some(
        ({ source, uid, gid, mode }) =>
          project[kind].get(source)?.file !== undefined && (uid ?? gid ?? mode) !== undefined,
      );
    if (isIgnored("secrets")) warn("secrets `uid`, `gid` and `mode` are not supported, they will be ignored");
    if (isIgnored("configs")) warn("config `uid`, `gid` and `mode` are not supported, they will be ignored");
  }
}

/** How many containers a service has. */
export function scaleOf({ scale, deploy }: Service): number {
  return scale ?? deploy?.replicas ?? 1;
}

async function handleOrphans(
  session: Session,
  all: readonly Observed[],
  options: CreateOptions,
): Promise<void> {
  const { project } = session;
  const orphans = all.filter(
    ({ service, isOneoff }) => !isOneoff && !project.services.has(service) && !project.disabled.has(service),
  );
  if (orphans.length === 0) return;
  if (options.removeOrphans) await removeContainers(session, orphans, { timeoutS: options.timeoutS });
  else if (!options.ignoreOrphans)
    session.warn(
      `Found orphan containers ([${orphans.map(({ name }) => name).join(" ")}]) for this project. If you removed or renamed this service in your compose file, you can run this command with the --remove-orphans flag to clean it up.`,
    );
}

/** Brings the containers of one service to what it says. */
class Convergence {
  readonly #session: Session;
  readonly #roster: Roster;
  readonly #all: readonly Observed[];
  readonly #name: string;
  readonly #service: Service;
  readonly #imageId: string;
  readonly #options: CreateOptions;

  constructor(
    session: Session,
    roster: Roster,
    all: readonly Observed[],
    name: string,
    service: Service,
    imageId: string,
    options: CreateOptions,
  ) {
    this.#session = session;
    this.#roster = roster;
    this.#all = all;
    this.#name = name;
    this.#service = service;
    this.#imageId = imageId;
    this.#options = options;
  }

  async run(): Promise<void> {
    const wanted = scaleOf(this.#service);
    const sorted = [...containersOf(this.#all, this.#name)].sort(
      (a, b) => Number(this.#mustRecreate(a)) - Number(this.#mustRecreate(b)) || a.number - b.number,
    );
    const [kept, surplus] = [sorted.slice(0, wanted), sorted.slice(wanted)];
    await removeContainers(this.#session, surplus, { timeoutS: this.#options.timeoutS });
    const numbers = new Set(kept.map(({ number }) => number));
    const next: number[] = [];
    for (let number = 1; kept.length + next.length < wanted; number++)
      if (!numbers.has(number)) next.push(number);
    const made = await Promise.all([
      ...kept.map((one) => this.#keep(one)),
      ...next.map((number) => this.#create(number)),
    ]);
    this.#roster.set(this.#name, made);
  }

  #hash(): string {
    return serviceHash(resolveReferences(this.#service, this.#roster));
  }

  #mustRecreate({ hash, imageLabel, summary }: Observed): boolean {
    if (this.#options.recreate === "never") return false;
    if (this.#options.recreate === "force" || hash !== this.#hash()) return true;
    const image = imageLabel ?? summary.ImageID;
    return this.#imageId !== "" && image !== this.#imageId;
  }

  async #keep(observed: Observed) {
    if (this.#mustRecreate(observed)) return await this.#recreate(observed);
    const { progress } = this.#session;
    const id = `Container ${observed.name}`;
    if (observed.state === "running") progress.event({ id, text: "Running", status: "done" });
    else if (observed.state === "created") progress.event({ id, text: "Created", status: "done" });
    return { id: observed.id, name: observed.name };
  }

  async #create(number: number) {
    const { project, progress } = this.#session;
    const name = containerName(project, this.#name, this.#service, number);
    progress.event({ id: `Container ${name}`, text: "Creating", status: "working" });
    try {
      const made = await makeContainer(this.#session, this.#roster, this.#name, this.#service, {
        number,
        imageId: this.#imageId,
        inherited: new Map(),
      });
      progress.event({ id: `Container ${name}`, text: "Created", status: "done" });
      return made;
    } catch (error) {
      progress.event({ id: `Container ${name}`, text: describeFailure(error), status: "error" });
      throw error;
    }
  }

  /** The new one is made under another name before the old one goes, so that a failure leaves the old one there. */
  async #recreate(old: Observed) {
    const { client, progress, project, signal } = this.#session;
    const name = containerName(project, this.#name, this.#service, old.number || 1);
    const event = (text: string, status: "working" | "done") =>
      progress.event({ id: `Container ${old.name}`, text, status });
    event("Recreate", "working");
    const made = await makeContainer(this.#session, this.#roster, this.#name, this.#service, {
      number: old.number || 1,
      temporaryName: `${old.id.slice(0, 12)}_${name}`,
      imageId: this.#imageId,
      inherited: this.#options.renewAnonymous ? new Map() : anonymousVolumes(old),
    });
    await this.#stopDependents();
    await client.stopContainer(old.id, { timeoutS: this.#options.timeoutS }, signal);
    await client.removeContainer(old.id, signal, { force: false, volumes: false });
    await client.renameContainer(made.id, name, signal);
    event("Recreated", "done");
    return made;
  }

  /** Those that asked to be restarted with this service stop; the start that follows starts them again. */
  async #stopDependents(): Promise<void> {
    const { services } = this.#session.project;
    for (const other of directDependents(services, this.#name)) {
      if (services.get(other)?.depends_on?.get(this.#name)?.restart !== true) continue;
      const running = containersOf(this.#all, other).filter(({ state }) => state === "running");
      await Promise.all(
        running.map((one) =>
          stopContainer(this.#session, one, { timeoutS: this.#options.timeoutS }).catch(() => {}),
        ),
      );
    }
  }
}

function anonymousVolumes({ summary }: Observed): ReadonlyMap<string, string> {
  return new Map(
    (summary.Mounts ?? []).flatMap(({ Type, Name, Destination }) =>
      Type === "volume" && Name !== undefined && /^[0-9a-f]{64}$/.test(Name)
        ? [[Destination, Name] as const]
        : [],
    ),
  );
}
