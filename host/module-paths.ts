import { registerHooks } from "node:module";

/**
 * Finds this program's own modules by their text alone from now on. Node asks the file system about every import: where a package
 * begins, what it calls `#area`, what kind of file it is, whether a link leads elsewhere. With hundreds of files that is a third
 * of the time in which the daemon starts, and the answers are always the same: `#area/file.ts` is a file below `root`.
 *
 * @param root ends with a slash
 */
export function resolveOwnModules(root: URL): void {
  const prefix = root.href;
  const packages = `${prefix}node_modules/`;
  registerHooks({
    resolve(specifier, context, next) {
      const { parentURL = "" } = context;
      const isOwn = parentURL.startsWith(prefix) && !parentURL.startsWith(packages);
      if (!isOwn || !specifier.endsWith(".ts")) return next(specifier, context);
      const url = specifier.startsWith("#")
        ? prefix + specifier.slice(1)
        : new URL(specifier, parentURL).href;
      return { url, format: "module-typescript", shortCircuit: true };
    },
  });
}
