/** Where two plain values differ: a line for each place, with both values. */
export function diffLines(peer: unknown, ours: unknown, at = ""): readonly string[] {
  if (Object.is(peer, ours)) return [];
  if (!isObject(peer) || !isObject(ours))
    return [`${at}: peer ${JSON.stringify(peer)}, ours ${JSON.stringify(ours)}`];
  const keys = [...new Set([...Object.keys(peer), ...Object.keys(ours)])];
  return keys.flatMap((key) => diffLines(peer[key], ours[key], at === "" ? key : `${at}.${key}`));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** Differences that are meant to be, each with its reason. */
const meant: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [
    /^between\.containers\.15-sharing-(net|vols)-1\.config\.Labels.*config-hash/,
    "the hash has the ID of the container that is shared",
  ],
  [
    /^between\.containers\.15-sharing-vols-1\..*(VolumesFrom|RW)/,
    "the peer loses the mode of `volumes_from: main:ro`",
  ],
];

/** The differences that are not meant to be. */
export function unexpected(lines: readonly string[]): readonly string[] {
  return lines.filter((line) => !meant.some(([pattern]) => pattern.test(line)));
}
