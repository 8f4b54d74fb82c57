import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { readBlocks } from "../bake-blocks.ts";
import { excerptOf } from "./problem.ts";

const read = (text: string, env: Record<string, string> = {}) =>
  readBlocks([{ name: "docker-bake.hcl", text }], env, { BAKE_LOCAL_PLATFORM: "linux/amd64" });
/** What an expression comes to, as an argument has it. */
const value = (expression: string, before = "") =>
  read(`${before}\ntarget "t" {\n  args = { V = ${expression} }\n}\n`).targets.get("t")?.args?.["V"];

test("readBlocks: variables, functions, loops, heredocs and a matrix make targets", () => {
  const { targets, groups, variables } = read(
    `
# what is built
variable "TAG" {
  default = "v\${1 + 2}" // three
}
variable "DEBUG" { default = false }
variable "LIST" { default = ["a", "b"] }
repo = "ex.io/\${TAG}"
function "tags" {
  params          = [first]
  variadic_params = rest
  result          = ["\${repo}:\${first}", join("-", rest)]
}
group "default" { targets = ["app", "each"] }
target "app" {
  inherits  = ["base"]
  tags      = tags("x", "y", "z")
  platforms = [for p in ["amd64", "arm64"] : "linux/\${p}" if p != "arm64"]
  contexts  = { for k, v in { a = "x" } : "c_\${k}" => "docker-image://\${v}" }
  no-cache  = !DEBUG
  dockerfile-inline = <<-EOT
    FROM scratch
      # \${upper(TAG)} %{ for one in LIST }<\${one}>%{ endfor }
  EOT
  target = null
  unknown = 1
}
target "each" {
  name   = "each-\${item.n}-\${replace(v, ".", "-")}"
  matrix = { item = [{ n = "a", t = true }, { n = "b", t = false }], v = ["1.0"] }
  args   = { T = item.t, N = target.app.tags[0] }
}
`,
    { DEBUG: "1" },
  );
  assert.deepEqual(groups.get("default")?.targets, ["app", "each"]);
  assert.deepEqual(groups.get("each")?.targets, ["each-a-1-0", "each-b-1-0"]);
  assert.deepEqual(targets.get("app"), {
    inherits: ["base"],
    tags: ["ex.io/v3:x", "y-z"],
    platforms: ["linux/amd64"],
    contexts: { c_a: "docker-image://x" },
    "no-cache": false,
    "dockerfile-inline": "  FROM scratch\n    # V3 <a><b>\n".replaceAll(/^ {2}/gm, ""),
  });
  assert.deepEqual(targets.get("each-b-1-0"), { args: { T: "false", N: "ex.io/v3:x" } });
  assert.deepEqual(variables.get("DEBUG"), { value: true, type: "", description: "" });
});

test("expressions come to what buildx makes of them", () => {
  const cases: readonly (readonly [string, string | null])[] = [
    ["1 + 2 * 3", "7"],
    ["(1 + 2) * 3 % 4 - -1", "2"],
    ['"a" == "a" && !(1 > 2) ? "yes" : "no"', "yes"],
    ['"$${x} %%{y} \\"q\\" \\u00e9"', '${x} %{y} "q" é'],
    ['"%{ if 1 < 2 ~}  a  %{~ else }b%{ endif }"', "a"],
    ['[{ n = "x" }, { n = "y" }].*.n[1]', "y"],
    ['join(",", [{ n = ["x"] }, { n = ["y"] }][*].n[0])', "x,y"],
    ['{ "a.b" = 1, (upper("c")) : 2 }["C"]', "2"],
    ['jsonencode({ for w in ["a", "b", "ab"] : strlen(w) => w... })', '{"1":["a","b"],"2":["ab"]}'],
    ['try(nothing.here, "else")', "else"],
    ["can(1 / 0)", "false"],
    ['index({ a = "x" }, "a")', "x"],
    ['can(index({}, "constructor"))', "false"],
    ['format("%05.1f|%-4s|%q|%x", 3.14159, "ab", "q", 255)', '003.1|ab  |"q"|ff'],
    ['regex_replace("v1.2.3", "v(\\\\d+)\\\\.(\\\\d+).*", "$1-$2")', "1-2"],
    ['formatdate("YYYY-MM-DD hh:mm", timeadd("2024-02-28T23:30:00Z", "1h"))', "2024-02-29 00:30"],
    ['split(",", "a,b")[length(setproduct(["x"], [1, 2])) - 1]', "b"],
    ["null", null],
    ["BAKE_LOCAL_PLATFORM", "linux/amd64"],
  ];
  for (const [expression, expected] of cases) assert.equal(value(expression), expected, expression);
});

test("what is wrong is told with its place and its line", () => {
  const cases: readonly (readonly [string, string])[] = [
    ['target "t" { args = { A = FOO } }', '1,27-30: Unknown variable; There is no variable named "FOO".'],
    [
      'target "t" { args = { A = no(1) } }',
      '1,27-29: Call to unknown function; There is no function named "no".',
    ],
    [
      'target "t" { args = { A = 1 + "x" } }',
      "1,31-34: Invalid operand; Unsuitable value for right operand: a number is required.",
    ],
    [
      'target "t" { dockerfile = ["a"] }',
      "1,27-28: Unsuitable value type; Unsuitable value: string required",
    ],
    [
      'a = b\nb = a\nx = a\ntarget "t" { args = { A = a } }',
      "1,5-6: Invalid expression; variable cycle not allowed for a",
    ],
    [
      'target "t" { tags = ["a"] tags = ["b"] }',
      "1,27-31: Invalid single-argument block definition; A single-line block definition must end with a closing brace immediately after its single argument definition.",
    ],
    [
      'variable "N" {\n  default = 1\n  validation {\n    condition = N > 2\n    error_message = "no ${N}"\n  }\n}',
      "4,17-22: Validation failed; no 1",
    ],
    ['target "\\u00" {}', "1,8-14: Invalid block label; This is no text in quotes."],
    ['target "a.b" {}', 'Invalid name; only "^[a-zA-Z0-9_-]+$" are allowed'],
  ];
  for (const [text, expected] of cases)
    assert.throws(
      () => read(text),
      (error) =>
        isFault(error, "invalid") && error.message.endsWith(expected) && excerptOf(error).includes(">>>"),
      text,
    );
  assert.throws(() => read('variable "N" { default = 1 }', { N: "x" }), /failed to parse N as number/);
});

test("no text is read for ever, or breaks the reader", () => {
  const words = [
    'target "t" {\n',
    "}",
    "{",
    "[",
    "]",
    "a = ",
    '"',
    "${",
    "%{ if ",
    "%{ for x in ",
    "}",
    "<<-E\n",
    "E\n",
    "for ",
    " in ",
    "?",
    ":",
    "=>",
    "...",
    ".*",
    "1",
    "x",
    "\n",
    "(",
    ")",
    ",",
    "\\u00",
    "$",
    "%",
    "/*",
    "#",
  ];
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 3 })), { maxLength: 30 }),
      (parts) => {
        try {
          read(parts.join(""));
        } catch (error) {
          assert.ok(isFault(error, "invalid"), String(error));
        }
      },
    ),
    { numRuns: 2000 },
  );
  assert.throws(() => value("[".repeat(5000)), /nested too deeply/);
});
