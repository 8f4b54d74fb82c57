// The projects that bench/build.ts builds, made below a folder: contexts, Dockerfiles, and the one thing that is changed between builds.
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Project {
  readonly name: string;
  readonly folder: string;
  /** Appended to before a build of the changed project. */
  readonly changes: string;
}

interface Parts {
  readonly dockerfile: string;
  readonly changes: string;
  /** Writes the context. */
  readonly fill: (folder: string) => void;
}

function text(seed: number, bytes: number): string {
  const line = `export const value${seed} = ${seed * 7919};\n`;
  return line.repeat(Math.ceil(bytes / line.length)).slice(0, bytes);
}

/** Bytes that do not compress, the same in every run. */
function noise(seed: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  let state = seed * 2654435761 + 1;
  for (let at = 0; at + 4 <= bytes; at += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    buffer.writeUInt32LE(state, at);
  }
  return buffer;
}

function write(folder: string, path: string, content: string | Buffer): void {
  mkdirSync(join(folder, path, ".."), { recursive: true });
  writeFileSync(join(folder, path), content);
}

function fillSources(folder: string): void {
  write(folder, "package.json", '{"name":"bench"}\n');
  for (let d = 0; d < 50; d++)
    for (let f = 0; f < 100; f++)
      write(folder, `src/d${d}/f${f}.js`, text(d * 100 + f, 30 * (1 + ((d * 31 + f * 17) % 60))));
}

function fillData(folder: string): void {
  for (let d = 0; d < 100; d++)
    for (let f = 0; f < 100; f++) write(folder, `data/d${d}/f${f}.bin`, noise(d * 100 + f, 20_000));
}

const numbers = (count: number) => [...Array(count).keys()];

const parts: Readonly<Record<string, (image: string) => Parts>> = {
  project: (image) => ({
    dockerfile: `FROM ${image} AS base
ENV A=1 B=2
WORKDIR /app
COPY package.json ./
RUN echo dep > deps.txt
FROM base AS build
COPY src ./src
RUN cat src/*/*.js | wc -c > total
RUN mkdir out && cp -r src out/
FROM base
COPY --from=build /app/out /app/out
COPY --from=build /app/total /app/
RUN test -s /app/total
LABEL bench.build=1
CMD ["sh", "-c", "cat /app/total"]
`,
    changes: "src/d7/f7.js",
    fill: fillSources,
  }),
  big: (image) => ({
    dockerfile: `FROM ${image}\nCOPY . /data\nRUN test -d /data/data\n`,
    changes: "data/d7/f7.bin",
    fill: fillData,
  }),
  copies: (image) => ({
    dockerfile: [`FROM ${image}`, ...numbers(30).map((i) => `COPY f${i} /copied/f${i}`)].join("\n"),
    changes: "f20",
    fill: (folder) => {
      for (const i of numbers(30)) write(folder, `f${i}`, text(i, 2000));
    },
  }),
  runs: (image) => ({
    dockerfile: [
      `FROM ${image}`,
      "COPY f /f",
      ...numbers(20).map((i) => `RUN echo ${i} > /made-${i}`),
      "CMD cat /f",
    ].join("\n"),
    changes: "f",
    fill: (folder) => write(folder, "f", "f\n"),
  }),
  wide: (image) => ({
    dockerfile: [
      ...numbers(8).map(
        (i) => `FROM ${image} AS s${i}\nCOPY f${i} /f\nRUN for n in 1 2 3; do wc -c /f >> /out; done`,
      ),
      `FROM ${image}`,
      ...numbers(8).map((i) => `COPY --from=s${i} /out /out-${i}`),
    ].join("\n"),
    changes: "f3",
    fill: (folder) => {
      for (const i of numbers(8)) write(folder, `f${i}`, text(i, 20_000));
    },
  }),
};

export const projectNames: readonly string[] = Object.keys(parts);

/** @throws {Error} for a name that is none of {@link projectNames} */
export function makeProject(name: string, image: string, parent: string): Project {
  const made = parts[name]?.(image);
  if (made === undefined) throw new Error(`no project ${name}: ${projectNames.join(", ")}`);
  const folder = join(parent, name);
  mkdirSync(folder, { recursive: true });
  made.fill(folder);
  writeFileSync(join(folder, "Dockerfile"), `${made.dockerfile}\n`);
  return { name, folder, changes: join(folder, made.changes) };
}

let serial = 0;

/** Changes one file of the context, so that no build before this one has seen the like. */
export function change({ changes }: Project): void {
  appendFileSync(changes, `${Date.now()}-${serial++}\n`);
}
