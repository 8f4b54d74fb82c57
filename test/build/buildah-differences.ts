/** What Debian's buildah, 1.28 of 2022, says of what it does not know yet. */
const unknown =
  /only supports? the|Unknown instruction|Missing ':' in substitution|resolving mountpoints|Error parsing chmod|flag provided but not defined|stat: "\/<<|can't find = in/;

const reasons: Readonly<Record<string, string>> = {
  "volume in both forms": "buildah makes the folders of volumes that are given as a list",
  shell: "buildah writes a CMD for /bin/sh, whatever SHELL says",
  "commands of other shells": "buildah writes commands for /bin/sh, whatever SHELL says",
  "onbuild is kept": "buildah runs triggers for whoever looks at the image, and leaves nothing to look at",
  "escape directive": "buildah takes a backslash for an escape when the file has named another",
  "copy everything": "buildah loses set-id bits",
  "copy modes": "buildah loses set-id bits",
  "copy chmod": "buildah leaves folders as they are; here and with BuildKit they get the mode too",
  "copy chmod of links and folders": "the same",
  "copy from a stage with owner and mode": "the same",
  "names of stages in any case": "buildah tells upper and lower case apart",
  "several arguments in one line": "buildah lets an argument see those before it in its line",
  "expose a protocol that is none": "buildah takes it as it is",
  "volume that a later step fills": "buildah drops it, as Docker's classic builder does; BuildKit keeps it",
  "copy several to no folder": "buildah makes a folder of it; BuildKit puts one file over the other",
  "add tar with owner": "buildah leaves an archive's content to its owners, as Docker's classic builder does",
  "stage hands its arguments on": "buildah's stages hand nothing on, as those of Docker's classic builder",
  "target by number": "buildah takes numbers for names; neither Docker's classic builder nor BuildKit does",
  "copy by a wildcard that matches nothing": "buildah refuses it, as Docker's classic builder does",
};

/** Why buildah makes something else of a Dockerfile of the suite; undefined where it should not. */
export function findBuildahReason(name: string, output: string): string | undefined {
  if (unknown.test(output)) return "Debian's buildah is too old for it";
  return reasons[name];
}
