import { isFault, messageOf } from "#base/fault.ts";
import { readAuth, registryOf } from "../../config/registry-auth.ts";
import { nameAndTag } from "../../streams/pull-image.ts";
import type { Service } from "../model.ts";
import type { Session } from "../session.ts";
import { buildServices } from "./build.ts";
import { imageOf } from "./create-body.ts";
import { refuseUnsupported } from "./refuse.ts";
import { drain } from "./image-stream.ts";

export interface ImageOptions {
  readonly pull?: string;
  /** Build all that can be built, or nothing. */
  readonly build: "always" | "missing" | "never";
  readonly isQuiet: boolean;
}

/**
 * Pulls or builds what services need and resolves to the IDs of their images by service.
 *
 * @throws {Fault} what the engine says of the first image that cannot be had
 */
export async function ensureImages(
  session: Session,
  options: ImageOptions,
): Promise<ReadonlyMap<string, string>> {
  refuseUnsupported(session.project);
  const ids = new Map<string, string>();
  const pulls = new Map<string, Promise<void>>();
  const builds: (readonly [string, Service])[] = [];
  for (const [name, service] of session.project.services) {
    const image = imageOf(session.project, name, service);
    const id = await imageId(session, image);
    const policy =
      options.pull !== undefined && options.pull !== "policy"
        ? options.pull
        : (service.pull_policy ?? "missing");
    if (mustBuild(service, id, policy, options)) {
      const isTried = service.image !== undefined && policy === "missing" && options.build === "missing";
      if (!isTried || !(await tryPull(session, name, service))) builds.push([name, service]);
    } else if (mustPull(service, id, policy) && !pulls.has(image))
      pulls.set(image, pullService(session, name, service, id));
  }
  await Promise.all(pulls.values());
  if (builds.length > 0) await buildServices(session, new Map(builds), { isQuiet: options.isQuiet });
  for (const [name, service] of session.project.services)
    ids.set(name, (await imageId(session, imageOf(session.project, name, service))) ?? "");
  return ids;
}

function mustBuild(
  service: Service,
  id: string | undefined,
  policy: string,
  { build }: ImageOptions,
): boolean {
  if (service.build === undefined || build === "never") return false;
  if (build === "always" || policy === "build") return true;
  return id === undefined && (service.image === undefined || policy !== "always");
}

function mustPull({ build }: Service, id: string | undefined, policy: string): boolean {
  if (policy === "never" || policy === "build") return false;
  if (policy === "always") return build === undefined;
  return id === undefined && build === undefined;
}

export async function imageId({ client, signal }: Session, image: string): Promise<string | undefined> {
  const path = `/images/${image.split("/").map(encodeURIComponent).join("/")}/json`;
  return await client.api
    .json<{ readonly Id: string }>("GET", path, {}, signal)
    .then(({ Id }) => Id)
    .catch((error: unknown) => {
      if (!isFault(error, "not-found")) throw error;
      return undefined;
    });
}

/** One that can be built too is built when it cannot be pulled; whether it could. */
async function tryPull(session: Session, name: string, service: Service): Promise<boolean> {
  try {
    await pullImage(session, name, service);
    return true;
  } catch (error) {
    session.signal.throwIfAborted();
    const text = `Warning ${messageOf(error)}`;
    session.progress.event({ id: name, text, status: "warning", isNote: true });
    return false;
  }
}

/** Pulls a service's image and shows it as a step; with an old one at hand a failure is only a warning when `always` asked. */
export async function pullService(
  session: Session,
  name: string,
  service: Service,
  known: string | undefined,
): Promise<void> {
  try {
    await pullImage(session, name, service);
  } catch (error) {
    session.progress.event({
      id: name,
      text: `Error ${messageOf(error)}`,
      isNote: true,
      status: known === undefined ? "error" : "warning",
    });
    throw error;
  }
}

async function pullImage(session: Session, name: string, service: Service): Promise<void> {
  const { client, progress, signal } = session;
  const image = imageOf(session.project, name, service);
  progress.event({ id: name, text: "Pulling ", status: "working", isNote: true });
  const messages = client.pullImage(
    { ...nameAndTag(image), platform: service.platform },
    await readAuth(session.context.config(), registryOf(image)),
    signal,
  );
  await drain(messages);
  progress.event({ id: name, text: "Pulled ", status: "done", isNote: true });
}
