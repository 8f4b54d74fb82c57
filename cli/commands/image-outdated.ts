import { join } from "node:path";
import { Fault } from "#base/fault.ts";
import { type Context, defineCommand } from "../context.ts";
import { bool, text } from "../flags.ts";
import { formatTable } from "../output/table.ts";
import { IndexCache } from "../packages/index-cache.ts";
import { type Freshness, freshnessOf } from "../packages/outdated.ts";
import { readContents } from "../packages/read-inventory.ts";

export const imageOutdated = defineCommand({
  isOwn: true,
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  about: [
    "Lists packages that the image's distribution has newer versions of, with the CVEs that their changelogs say they close.",
    "Indexes are fetched and their signatures verified; one that is stale, unverified or out of reach makes the answer",
    '"unknown", never "current". Debian and Ubuntu. Which open CVEs nobody has fixed cannot be told from changelogs.',
  ].join("\n"),
  flags: {
    format: text("FORMAT", "text or json", undefined, { shownDefault: "text", complete: ["text", "json"] }),
    keyring: text(
      "FILE",
      "Keys that sign the archive (default the distribution's, below /usr/share/keyrings)",
      undefined,
      {
        complete: "file",
      },
    ),
    mirror: text("URL", "Where the archive is"),
    "no-changelogs": bool("Do not fetch packages for their changelogs: no CVEs are listed"),
    "security-mirror": text("URL", "Where the archive of security updates is"),
  },
  operands: [1, Infinity],
  complete: ["image"],
  examples: [
    ["gantry image outdated debian:bookworm", "what is behind"],
    ["gantry image outdated --format json $(gantry images -q)", "for machines, all images"],
  ],
  exitCodes: [
    [0, "no package is behind"],
    [1, "at least one is"],
    [2, "none is known to be behind, but the answer is unknown for an image"],
  ],
  async run(context, values, names) {
    const { format = "text" } = values;
    if (format !== "text" && format !== "json")
      throw new Fault("invalid", `unknown format "${format}": use text or json`);
    const now = context.now().getTime();
    const cache = new IndexCache(join(context.instance.root, "indexes"), now);
    const deps = {
      cache,
      now,
      readsChangelogs: !values["no-changelogs"],
      mirrors: {
        mirror: urlOf(values.mirror),
        securityMirror: urlOf(values["security-mirror"] ?? values.mirror),
        keyring: values.keyring,
      },
    };
    const states = new Set<Freshness["status"]>();
    for (const name of names) {
      const { id, config, inventory } = await readContents(context.engine(), name, context.signal);
      const found = await freshnessOf(inventory, config.architecture, deps, context.signal);
      states.add(found.status);
      if (format === "json") context.out.write(`${JSON.stringify({ image: name, id, ...shownAs(found) })}\n`);
      else writeText(context, name, found);
    }
    cache.prune();
    return states.has("outdated") ? 1 : states.has("unknown") ? 2 : 0;
  },
});

function shownAs(found: Freshness): object {
  return { ...found, packages: found.packages.map((one) => ({ ...one, cves: one.cves ?? null })) };
}

function writeText({ out }: Context, name: string, found: Freshness): void {
  const { status, packages, known, foreign, doubts } = found;
  const behind = `${packages.length} of ${known} packages are behind`;
  out.write(
    `${out.bold(name)}: ${status === "outdated" ? behind : status === "unknown" ? "unknown" : `current (${known} packages)`}\n`,
  );
  for (const doubt of doubts) out.write(`  ${status === "outdated" ? "and more may be: " : ""}${doubt}\n`);
  if (foreign.length > 0)
    out.write(
      `  not of the distribution: ${foreign.slice(0, 10).join(", ")}${foreign.length > 10 ? ", …" : ""}\n`,
    );
  if (packages.length === 0) return;
  const rows = packages.map(({ name: one, installed, available, suite, cves }) => [
    `  ${one}`,
    installed,
    available,
    suite,
    cves === undefined ? "?" : cves.length === 0 ? "-" : cves.join(" "),
  ]);
  out.write(formatTable(["  PACKAGE", "INSTALLED", "AVAILABLE", "SUITE", "CLOSES"], rows));
}

function urlOf(given: string | undefined): string | undefined {
  if (given === undefined) return undefined;
  if (!/^https?:\/\/[^\s?#]+$/.test(given)) throw new Fault("invalid", `${given} is not the URL of a mirror`);
  return given.replace(/\/+$/, "");
}
