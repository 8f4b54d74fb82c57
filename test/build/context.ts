import { execFileSync } from "node:child_process";
import { chmodSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Fills a folder with the files that the suite's Dockerfiles copy. */
export function makeContext(folder: string): void {
  const file = (path: string, text: string, mode = 0o644) => {
    writeFileSync(join(folder, path), text);
    chmodSync(join(folder, path), mode);
  };
  for (const path of ["dir/sub", "dir/empty", "links", "in"])
    mkdirSync(join(folder, path), { recursive: true });
  chmodSync(join(folder, "dir"), 0o755);
  file("a.txt", "a\n");
  file("with space.txt", "space\n");
  file("b.sh", "#!/bin/sh\necho b\n", 0o755);
  file("suid", "s\n", 0o755);
  chmodSync(join(folder, "suid"), 0o4755);
  file("dir/f", "f\n", 0o600);
  file("dir/sub/g", "g\n");
  file("in/one", "one\n", 0o640);
  symlinkSync("a.txt", join(folder, "link"));
  symlinkSync("../a.txt", join(folder, "links/up"));
  symlinkSync("/etc/passwd", join(folder, "links/absolute"));
  symlinkSync("nowhere", join(folder, "links/broken"));
  file("links/first", "linked\n");
  linkSync(join(folder, "links/first"), join(folder, "links/second"));
  const tar = ["--numeric-owner", "--owner=21", "--group=22", "--mtime=@1000000", "-C", folder];
  execFileSync("tar", [...tar, "-cf", join(folder, "files.tar"), "in", "links"]);
  execFileSync("tar", [...tar, "-czf", join(folder, "files.tar.gz"), "in", "links"]);
  file("fake.tar.gz", "this is no archive\n");
}
