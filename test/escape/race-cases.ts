import { Readable } from "node:stream";
import { tarEnd } from "#oci/tar/writer.ts";
import type { EngineUnderTest } from "../support/engine.ts";
import { tarEntry } from "../support/tar.ts";
import { type EscapeCase, inContainer, type Subject, secret } from "./escape-case.ts";
import { race, roundsOf, runOnce } from "./races.ts";

/** A volume that nothing is copied into: some copies of the engine would copy from the host. */
const placed = { Type: "volume", Target: "/v/a/made", VolumeOptions: { NoCopy: true } };

/** Folders that a container exchanges for links to the host while the engine, or the runtime, goes through them. */
export const raceCases: readonly EscapeCase[] = [
  {
    id: "E7",
    title:
      "a mount's place is made nowhere on the host, while a link is swapped into its path (CVE-2024-45310)",
    attempt: (subject) =>
      race(subject, { folder: "/v", volume: "raced", rounds: roundsOf(24) }, async () => {
        const HostConfig = { Binds: ["raced:/v:nocopy"], Mounts: [placed] };
        return leaksIn(
          await runOnce(subject.engine, { Cmd: ["cat", "/proc/self/mountinfo"], HostConfig }),
          subject,
        );
      }),
    weakness: "weak engine",
  },
  {
    id: "E7",
    title: "nor by docker cp with a container that does not run, which has volumes there (CVE-2026-41568)",
    async attempt(subject) {
      const { engine } = subject;
      const options = [
        "--name",
        "still",
        "-v",
        "raced:/v:nocopy",
        "--mount",
        "type=volume,dst=/v/a/made,volume-nocopy=true",
      ];
      const rounds = roundsOf(10);
      const found = await race(subject, { folder: "/v", volume: "raced", rounds }, async (number) => {
        if (number === 0) await engine.dockerOk("create", ...options, "probe");
        const body = await contentOf(engine, "still", "/v/a/secret");
        const archive = Readable.from([tarEntry("written", "x"), tarEnd]);
        await engine.upload("PUT", "/containers/still/archive?path=/v/a/made", archive);
        return leaksIn(body, subject);
      });
      await engine.dockerOk("rm", "-v", "still");
      await engine.docker("volume", "rm", "raced");
      return found;
    },
    weakness: "weak engine",
  },
  {
    id: "E8",
    title:
      "a part of a volume is mounted from the volume, while a link is swapped into its path (CVE-2021-30465)",
    attempt: (subject) =>
      race(subject, { folder: "/v", volume: "raced", rounds: roundsOf(24) }, async () => {
        const part = { Type: "volume", Source: "raced", Target: "/part", VolumeOptions: { Subpath: "a" } };
        const Cmd = ["sh", "-c", "cat /part/secret /proc/self/mountinfo"];
        return leaksIn(await runOnce(subject.engine, { Cmd, HostConfig: { Mounts: [part] } }), subject);
      }),
    weakness: "weak engine",
  },
  {
    id: "E8",
    title: "nothing is mounted over /proc or below (CVE-2019-16884)",
    async attempt({ engine }) {
      const found: string[] = [];
      for (const place of ["/proc", "/proc/self/attr", "/proc/sys", "/x/../proc/1"])
        found.push(
          ...(await inContainer(
            { engine, options: ["--mount", `type=volume,dst=${place},volume-nocopy=true`] },
            "grep ' /proc' /proc/self/mounts; echo runs",
          )),
        );
      return found;
    },
    weakness: "weak engine",
  },
  {
    id: "E9",
    title:
      "docker cp reads and writes nothing of the host, while a link is swapped into its path (CVE-2018-15664)",
    attempt: (subject) =>
      race(subject, { folder: "/race", rounds: roundsOf(24) }, async () => {
        const { engine } = subject;
        const archive = Readable.from([tarEntry("written", "x"), tarEnd]);
        const [body] = await Promise.all([
          contentOf(engine, "swaps", "/race/a/secret"),
          engine.upload("PUT", "/containers/swaps/archive?path=/race/a", archive),
        ]);
        return leaksIn(body, subject);
      }),
    weakness: "weak engine",
  },
];

/** An archive that ends early, because the file is another one meanwhile, has nothing in it. */
async function contentOf(engine: EngineUnderTest, container: string, path: string): Promise<string> {
  const got = engine.api("GET", `/containers/${container}/archive?path=${path}`);
  return got.then(
    ({ body }) => body,
    () => "",
  );
}

/** What the host has shows in it, be it content or, in a table of mounts, a path. */
function leaksIn(text: string, { victim }: Subject): readonly string[] {
  return text.split("\n").filter((line) => line.includes(secret) || line.includes(victim));
}
