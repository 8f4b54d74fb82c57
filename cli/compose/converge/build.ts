import type { BakeTarget } from "../../build/bake/bake-target.ts";
import type { Service } from "../model.ts";
import type { Session } from "../session.ts";
import { bakeTargetOf } from "./build-target.ts";
import { imageOf } from "./create-body.ts";

export interface ServiceBuilds {
  readonly isQuiet: boolean;
  readonly noCache?: boolean;
  readonly pull?: boolean;
  readonly args?: readonly string[];
  /** Only the classic builder heeds it. */
  readonly memory?: number;
  readonly ssh?: string | undefined;
  readonly provenance?: string | undefined;
  readonly sbom?: string | undefined;
  readonly push?: boolean;
  readonly isCheck?: boolean;
}

/** Builds services side by side, and those whose results they have as contexts. @throws {Fault} what the engine says */
export async function buildServices(
  session: Session,
  services: ReadonlyMap<string, Service>,
  options: ServiceBuilds,
): Promise<void> {
  if (/^(0|f|false)$/i.test(session.context.env["DOCKER_BUILDKIT"] ?? ""))
    return await buildClassically(session, services, options);
  const targets = targetsOf(session, services, options);
  if (Object.keys(targets).length === 0) return;
  if (!session.isDryRun) {
    const { bakeServices } = await import("./bake-services.ts");
    await bakeServices(session, targets, options);
  }
  for (const name of options.isCheck === true ? [] : services.keys()) {
    const service = services.get(name);
    if (service?.build === undefined) continue;
    session.progress.event({ id: imageOf(session.project, name, service), text: "Built", status: "done" });
  }
}

async function buildClassically(
  session: Session,
  services: ReadonlyMap<string, Service>,
  options: ServiceBuilds,
): Promise<void> {
  const { buildClassic } = await import("./build-classic.ts");
  for (const [name, service] of services) await buildClassic(session, name, service, options);
}

/** What bake would be given: the services that can be built, and others whose results those want. */
export function targetsOf(
  session: Session,
  services: ReadonlyMap<string, Service>,
  options: ServiceBuilds,
): Readonly<Record<string, BakeTarget>> {
  const { project } = session;
  const targets: Record<string, BakeTarget> = {};
  const add = (name: string) => {
    const service = services.get(name) ?? project.services.get(name) ?? project.disabled.get(name);
    if (service?.build === undefined || targets[name] !== undefined) return;
    const target = bakeTargetOf(project, name, service, options);
    targets[name] = services.has(name) ? target : { ...target, output: ["type=cacheonly"] };
    for (const value of Object.values(target.contexts ?? {}))
      if (value.startsWith("target:")) add(value.slice("target:".length));
  };
  for (const name of services.keys()) add(name);
  return targets;
}
