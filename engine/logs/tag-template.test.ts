import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import type { LogInfo } from "./log-info.ts";
import { renderTag } from "./tag-template.ts";

const info: LogInfo = {
  options: {},
  containerId: "939865b2ceabee9ed36e1c2ad1bd0deebf812edd23bd57816ef9a79a309e9971",
  containerName: "nm",
  entrypoint: "echo",
  args: ["hi"],
  imageId: "sha256:b571ddaf362922235a26a2e4d5d2642c696570510204e63ca7e3fe4b64c11028",
  imageName: "bb:latest",
  created: "2026-11-26T13:59:33.969688072Z",
  env: ["A=1"],
  labels: { a: "b" },
  hostname: "vm",
  logPath: "",
};
const tagOf = (tag: string) => renderTag({ ...info, options: { tag } });

test("renderTag: gives what dockerd gives", () => {
  const cases: Readonly<Record<string, string>> = {
    "": "939865b2ceab",
    "x.{{.Name}}/{{ .ID }}": "x.nm/939865b2ceab",
    "{{.ContainerName}}": "/nm",
    "{{.ImageID}}|{{.Command}}|{{.Hostname}}|{{.DaemonName}}": "sha256:b571d|echo hi|vm|docker",
    "{{.ContainerLabels}}|{{.ContainerArgs}}|{{.ContainerEnv}}": "map[a:b]|[hi]|[A=1]",
    '{{index .ContainerLabels "a"}}|{{.Name | upper}}|{{json .Name}}': 'b|NM|"nm"',
    "{{.ExtraAttributes nil}}": "map[]",
    '{{printf "%s-%s" .Name .ID}}': "nm-939865b2ceab",
    "{{.ContainerEntrypoint}} {{.ContainerCreated}}": "echo 2026-11-26 13:59:33.969688072 +0000 UTC",
    "{{if .Name}}x{{end}}{{if .LogPath}}y{{else}}z{{end}}": "xz",
  };
  for (const [tag, expected] of Object.entries(cases)) assert.equal(tagOf(tag), expected, tag);
});

test("renderTag: refuses with Go's texts", () => {
  const cases: Readonly<Record<string, string>> = {
    "{{": "template: log-tag:1: unclosed action",
    "{{.Foo}}":
      'template: log-tag:1:2: executing "log-tag" at <.Foo>: can\'t evaluate field Foo in type *logger.Info',
    "{{nofunc .Name}}": 'template: log-tag:1: function "nofunc" not defined',
    "{{if .Name}}x": "template: log-tag:1: unexpected EOF",
  };
  for (const [tag, expected] of Object.entries(cases))
    assert.throws(
      () => tagOf(tag),
      (error) => isFault(error, "invalid") && (error as Error).message === expected,
      tag,
    );
});
