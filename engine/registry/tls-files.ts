import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createSecureContext, getCACertificates, type SecureContext } from "node:tls";
import { Fault } from "#base/fault.ts";

let usual: SecureContext | undefined;

/**
 * The authorities that are trusted for a host, and what this one shows it: the system's, with those of
 * `<folder>/HOST:PORT/` in Docker's layout: `*.crt` are authorities, `X.cert` goes with `X.key`.
 *
 * @param verifies false: the host is believed anyway, so nobody's authorities are read
 * @throws {Fault} `invalid` with Docker's texts when half of a pair is missing
 */
export async function secureContextFor(
  folder: string,
  host: string,
  verifies: boolean,
): Promise<SecureContext> {
  const own = join(folder, host);
  const names = await namesIn(own);
  checkPairs(names);
  const read = async (name: string) => await readFile(join(own, name), "utf8");
  const authorities = verifies
    ? await Promise.all(names.filter((name) => name.endsWith(".crt")).map(read))
    : [];
  const certificates = names.filter((name) => name.endsWith(".cert"));
  const isUsual = verifies && authorities.length + certificates.length === 0;
  if (isUsual && usual !== undefined) return usual;
  const context = createSecureContext({
    ca: verifies ? [...getCACertificates("system"), ...authorities] : [],
    minVersion: "TLSv1.2",
    ...(certificates.length > 0 && {
      cert: await Promise.all(certificates.map(read)),
      key: await Promise.all(certificates.map((name) => read(name.replace(/cert$/, "key")))),
    }),
  });
  if (isUsual) usual = context; // hundreds of certificates, the same for every host
  return context;
}

function checkPairs(names: readonly string[]): void {
  for (const name of names) {
    const [certificate, key] = [name.replace(/key$/, "cert"), name.replace(/cert$/, "key")];
    if (name.endsWith(".key") && !names.includes(certificate))
      throw new Fault("invalid", `missing client certificate ${certificate} for key ${name}`);
    if (name.endsWith(".cert") && !names.includes(key))
      throw new Fault(
        "invalid",
        `missing key ${key} for client certificate ${name}. CA certificates must use the extension .crt`,
      );
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  }
}
