import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { KubeFailure } from "../failure.ts";
import { jsonPathTemplate, relaxedPath } from "./json-path-template.ts";

const list = {
  kind: "List",
  items: [
    { name: "a", labels: { "x.y/z": "1" }, ports: [80, 443] },
    { name: "b", labels: {}, ports: [] },
  ],
};

test("jsonPathTemplate: text, paths, ranges, unions, filters, names with dots; what is not there is nothing", () => {
  const texts: readonly (readonly [template: string, text: string])[] = [
    ["{.kind}", "List"],
    ["{kind} {$.items[0].name}!", "List a!"],
    ['{range .items[*]}{.name}{"\\t"}{.ports}{"\\n"}{end}', "a\t[80,443]\nb\t[]\n"],
    ["{.items[*]['name','nope']}", "a b"],
    ["{.items[0].ports[0,1]}", "80 443"],
    ['{.items[?(@.name=="b")].name}', "b"],
    ["{.items[0].labels.x\\.y/z}{.items[0].labels['x\\.y/z']}", "11"],
    ["{range .items[*]}{range .ports[*]}<{@}>{end}{end}", "<80><443>"],
    ["{..name}", "a b"],
    ["plain", "plain"],
  ];
  for (const [template, text] of texts) assert.equal(jsonPathTemplate(template)(list), text, template);
});

test("jsonPathTemplate: what is no template is refused, and nothing else happens", () => {
  for (const bad of ["{.a", "{end}", "{range .a}", "{.a[}"])
    assert.throws(() => jsonPathTemplate(bad), KubeFailure);
  const pieces = fc.constantFrom(
    "{",
    "}",
    "range ",
    "end",
    ".a",
    "[*]",
    '"',
    "'",
    "?(@.x==1)",
    "x",
    " ",
    "\\",
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 12 }), (all) => {
      try {
        jsonPathTemplate(all.join(""))(list);
      } catch (error) {
        assert.ok(error instanceof KubeFailure, String(error));
      }
    }),
  );
});

test("relaxedPath: with and without braces and the first dot", () => {
  for (const path of ["{.items[0].name}", ".items[0].name", "items[0].name", "{items[0].name}"])
    assert.deepEqual(relaxedPath(path)(list), ["a"]);
});
