import { execFile } from "node:child_process";
import { rm, stat } from "node:fs/promises";
import { Fault } from "#base/fault.ts";
import type { Place } from "./place.ts";

const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

interface Share {
  readonly service: string;
  readonly folder: readonly string[];
  readonly user: string;
  readonly password: string;
  readonly port: string;
}

/**
 * A folder of a share, by smbclient. Files are complete when they get their names.
 *
 * @throws {Fault} `invalid` when the URI does not name a share and a folder in it
 */
export function smbPlace(url: URL): Place {
  const share = shareOf(url);
  const at = (name: string) => [...share.folder, name].join("\\");
  return {
    fetch: async (name, to, limitBytes, signal) => {
      await run(share, ["get", at(name), to], name, signal);
      const { size } = await stat(to);
      if (size <= limitBytes) return;
      await rm(to, { force: true });
      throw new Fault("invalid", `'${name}' is too large`);
    },
    preparationFile: async (_, elsewhere) => elsewhere(),
    store: async (from, name, signal) => {
      for (const depth of share.folder.keys()) {
        const folder = share.folder.slice(0, depth + 1).join("\\");
        // It may be there already; if it is not now, what follows says so.
        await run(share, ["mkdir", folder], folder, signal).catch(() => {});
      }
      const part = `${name}.part`;
      try {
        await run(share, ["put", from, at(part)], name, signal);
        await run(share, ["rename", at(part), at(name), "-f"], name, signal);
      } catch (error) {
        await run(share, ["del", at(part)], part, AbortSignal.timeout(10_000)).catch(() => {});
        throw error;
      }
    },
    remove: async (name, signal) => await run(share, ["del", at(name)], name, signal),
  };
}

function shareOf(url: URL): Share {
  const [share = "", ...folder] = decodeURIComponent(url.pathname)
    .split("/")
    .filter((part) => part !== "");
  if (url.hostname === "" || share === "" || folder.length === 0)
    throw new Fault("invalid", "pathURI must be smb://USER:PASSWORD@SERVER/SHARE/FOLDER");
  checkWords(folder);
  const [, domain, user = ""] = /^(?:([^;]*);)?(.*)$/.exec(decodeURIComponent(url.username)) ?? [];
  return {
    service: `//${url.hostname}/${share}`,
    folder,
    user: domain === undefined || domain === "" ? user : `${domain}/${user}`,
    password: decodeURIComponent(url.password),
    port: url.port,
  };
}

/** For smbclient another command begins behind every `;`, in quotes too; some of its commands read and write files of the host. */
function checkWords(words: readonly string[]): void {
  if (words.some((word) => /[;"\p{Cc}]/u.test(word))) throw new Fault("invalid", "Invalid path in pathURI");
}

/** The password is handed over in the environment, where only root sees it. */
async function run(
  { service, user, password, port }: Share,
  command: readonly string[],
  name: string,
  signal: AbortSignal,
): Promise<void> {
  checkWords(command);
  const line = command.map((word) => `"${word}"`).join(" ");
  const args = [service, "-U", user, ...(port === "" ? [] : ["-p", port]), "-c", line];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const environment = { PATH: searchPath, PASSWD: password };
  execFile("smbclient", args, { signal, env: environment, encoding: "utf8" }, (error, stdout, stderr) => {
    if (error === null) resolve();
    else if (error.name === "AbortError") reject(error);
    else if (error.code === "ENOENT")
      reject(new Fault("precondition", "smbclient is not installed, which SMB shares need"));
    else reject(complaintOf(`${stdout}\n${stderr}`, name));
  });
  await promise;
}

function complaintOf(text: string, name: string): Fault {
  const [code = ""] = /NT_STATUS_\w+/.exec(text) ?? [];
  const says = `'${name}': ${code === "" ? (text.trim().split("\n").at(-1) ?? "") : code}`;
  if (/OBJECT_(NAME|PATH)_NOT_FOUND|NO_SUCH_FILE/.test(code)) return new Fault("not-found", says);
  if (/LOGON_FAILURE|ACCESS_DENIED|WRONG_PASSWORD/.test(code)) return new Fault("forbidden", says);
  if (code.endsWith("DISK_FULL")) return new Fault("exhausted", says);
  return new Fault("remote", says);
}
