import type { EngineUnderTest } from "../support/engine.ts";

/** By requests, but the image `test`. */
export async function removeEverything(engine: EngineUnderTest): Promise<void> {
  const { json: containers } = await engine.api("GET", "/containers/json?all=1");
  for (const { Id } of containers as { Id: string }[])
    await engine.api("DELETE", `/containers/${Id}?force=1&v=1`);
  const { json: images } = await engine.api("GET", "/images/json");
  for (const { Id, RepoTags } of images as { Id: string; RepoTags: string[] }[])
    if (!RepoTags.includes("test:latest")) await engine.api("DELETE", `/images/${Id}?force=1`);
  await engine.api("POST", "/build/prune?all=1");
  await engine.api("POST", "/networks/prune");
  // A prune leaves those with options of the driver's.
  const { json: volumes } = await engine.api("GET", "/volumes");
  for (const { Name } of (volumes as { Volumes: { Name: string }[] }).Volumes)
    await engine.api("DELETE", `/volumes/${Name}`);
}
