import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { compileTemplate } from "./execute.ts";

const data = {
  Name: "web",
  Ports: { "80/tcp": [{ HostPort: "8080" }], "22/tcp": null },
  List: ["a", "b", "c"],
  Count: 3,
  Ratio: 0.5,
  On: true,
  None: null,
  Greet: (who: string) => `hi ${who}`,
};

const show = (source: string, isStrict = false) => compileTemplate(source).execute(data, { isStrict });

const cases: readonly (readonly [source: string, text: string])[] = [
  ["{{.Name}}", "web"],
  ["{{ .Count }} {{.Ratio}} {{.On}} {{.None}} {{.Absent}}", "3 0.5 true <nil> <no value>"],
  ["{{.List}} {{.Ports}}", "[a b c] map[22/tcp:<nil> 80/tcp:[map[HostPort:8080]]]"],
  ["{{range .List}}{{.}},{{end}}", "a,b,c,"],
  ["{{range $i, $x := .List}}{{$i}}{{$x}}{{end}}", "0a1b2c"],
  ["{{range $k, $v := .Ports}}{{$k}} {{end}}", "22/tcp 80/tcp "],
  ["{{range .None}}x{{else}}nothing{{end}}", "nothing"],
  ['{{range .List}}{{if eq . "b"}}{{continue}}{{end}}{{.}}{{end}}', "ac"],
  ['{{range .List}}{{if eq . "b"}}{{break}}{{end}}{{.}}{{end}}', "a"],
  ["{{if .None}}a{{else if .On}}b{{else}}c{{end}}", "b"],
  ["{{with .Name}}<{{.}}>{{end}}{{with .None}}x{{else}}y{{end}}", "<web>y"],
  ["a  {{- .Name -}}  b", "awebb"],
  ["{{/* nothing */}}x", "x"],
  ['{{$x := .Name}}{{$x}}{{$x = "new"}}{{$x}}{{$.Name}}', "webnewweb"],
  ['{{define "t"}}[{{.}}]{{end}}{{template "t" .Name}}', "[web]"],
  ['{{block "t" .Name}}({{.}}){{end}}', "(web)"],
  ['{{.Greet "you"}} {{"me" | .Greet}}', "hi you hi me"],
  ["{{json .List}} {{json .Ports}}", '["a","b","c"] {"80/tcp":[{"HostPort":"8080"}],"22/tcp":null}'],
  ['{{join .List "-"}} {{index .List 1}} {{index .Ports "80/tcp" 0 "HostPort"}}', "a-b-c b 8080"],
  ['{{(index (index .Ports "80/tcp") 0).HostPort}}', "8080"],
  ["{{len .List}} {{len .Name}} {{slice .Name 1}}", "3 3 eb"],
  ["{{upper .Name}} {{title .Name}} {{truncate .Name 2}} {{pad .Name 1 1}}|", "WEB Web we  web |"],
  [
    '{{printf "%05d|%-5s|%q|%v|%.1f|%x" .Count .Name .Name .List .Ratio 255}}',
    '00003|web  |"web"|[a b c]|0.5|ff',
  ],
  ['{{printf "%d %s" .Name 1}}', "%!d(string=web) %!s(int=1)"],
  ['{{println .Name}}{{print 1 2 "a"}}', "web\n1 2a"],
  ["{{and .Name .Count}} {{or .None .Name}} {{not .On}}", "3 web false"],
  ['{{eq .Name "x" "web"}} {{lt 1 2}} {{ge 2 2}} {{ne 1 1}}', "true true true false"],
  ['{{`raw \\n`}}{{"tab\\t"}}', "raw \\ntab\t"],
];

test("compileTemplate: does what Go's text/template does", () => {
  for (const [source, text] of cases) assert.equal(show(source), text, source);
});

const mistakes: readonly (readonly [source: string, message: string])[] = [
  ["{{.Name", "template: :1: unclosed action"],
  ["{{if .Name}}", "template: :1: unexpected EOF"],
  ["{{nope .Name}}", 'template: :1: function "nope" not defined'],
  ["{{end}}", "template: :1: unexpected {{end}}"],
  ["{{.Absent}}", 'template: :1:2: executing "" at <.Absent>: map has no entry for key "Absent"'],
  [
    "{{index .List 9}}",
    'template: :1:2: executing "" at <index>: error calling index: reflect: slice index out of range',
  ],
];

test("compileTemplate: says what is wrong in Go's words", () => {
  for (const [source, message] of mistakes)
    assert.throws(
      () => show(source, true),
      (error) => isFault(error, "invalid") && error.message === message,
      source,
    );
});

test("compileTemplate: any text gives a text or an invalid fault", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "{{",
      "}}",
      "{{-",
      "-}}",
      ".Name",
      "if",
      "range",
      "end",
      "else",
      "|",
      "(",
      ")",
      "$x",
      ":=",
      '"',
      "json",
      " ",
    ),
    fc.string({ maxLength: 4 }),
  );
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      try {
        show(pieces.join(""));
      } catch (error) {
        assert.ok(isFault(error, "invalid"), String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
