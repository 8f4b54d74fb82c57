import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { applyChanges } from "./changes.ts";

const apply = (...lines: string[]) => applyChanges({}, lines);

test("applyChanges: commands are lists as they are, or go to a shell", () => {
  assert.deepEqual(apply('CMD ["a", "b c"]'), { Cmd: ["a", "b c"] });
  assert.deepEqual(apply("cmd echo $HOME"), { Cmd: ["/bin/sh", "-c", "echo $HOME"] });
  assert.deepEqual(apply("ENTRYPOINT [not json]"), { Entrypoint: ["/bin/sh", "-c", "[not json]"] });
});

test("applyChanges: environment and labels, in both forms and with quotes", () => {
  assert.deepEqual(apply(`ENV A=1 B="2 3" C='x\\y' D=a\\ b`, "ENV A=9", "ENV E some words"), {
    Env: ["A=9", "B=2 3", "C=x\\y", "D=a b", "E=some words"],
  });
  assert.deepEqual(apply(`LABEL a=1 "b c"="d e"`, "LABEL a=2"), { Labels: { a: "2", "b c": "d e" } });
});

test("applyChanges: the other instructions", () => {
  assert.deepEqual(apply("EXPOSE 80 443/TCP 53-54/udp"), {
    ExposedPorts: { "80/tcp": {}, "443/tcp": {}, "53/udp": {}, "54/udp": {} },
  });
  assert.deepEqual(apply("VOLUME /a /b", 'VOLUME ["/c d"]'), { Volumes: { "/a": {}, "/b": {}, "/c d": {} } });
  assert.deepEqual(apply("WORKDIR /a", "WORKDIR b/../c"), { WorkingDir: "/a/c" });
  assert.deepEqual(apply("USER 1:2", "STOPSIGNAL SIGINT"), { User: "1:2", StopSignal: "SIGINT" });
  assert.deepEqual(apply("ONBUILD RUN x", "ONBUILD ADD . /"), { OnBuild: ["RUN x", "ADD . /"] });
  assert.deepEqual(apply("HEALTHCHECK --interval=1m30s --timeout=1.5s --retries=2 CMD curl x"), {
    Healthcheck: { Test: ["CMD-SHELL", "curl x"], Interval: 90e9, Timeout: 1.5e9, Retries: 2 },
  });
  assert.deepEqual(apply('HEALTHCHECK CMD ["a"]'), { Healthcheck: { Test: ["CMD", "a"] } });
  assert.deepEqual(apply("HEALTHCHECK none"), { Healthcheck: { Test: ["NONE"] } });
  assert.deepEqual(apply("", "  "), {});
});

test("applyChanges: refuses what makes no sense", () => {
  const bad = {
    "RUN x": /RUN is not a valid change command/,
    __proto__x: /not a valid change command/,
    ENV: /requires at least one argument/,
    "ENV A": /must have two arguments/,
    "ENV =1": /names can not be blank/,
    'ENV A="1': /matching double-quote/,
    "ENV A=1 B": /can't find =/,
    "EXPOSE 99999": /Invalid containerPort/,
    "EXPOSE 9-8": /Invalid containerPort/,
    "ONBUILD FROM x": /isn't allowed as an ONBUILD trigger/,
    "ONBUILD ONBUILD x": /Chaining ONBUILD/,
    "HEALTHCHECK --every=1s CMD x": /Unknown flag/,
    "HEALTHCHECK --interval=1x CMD x": /invalid duration/,
    "HEALTHCHECK --interval=1us CMD x": /less than 1ms/,
    "HEALTHCHECK CMD": /Missing command/,
    "HEALTHCHECK x": /Unknown type/,
    'VOLUME [""]': /empty string/,
  };
  for (const [line, pattern] of Object.entries(bad))
    assert.throws(
      () => apply(line),
      (error) => isFault(error, "invalid") && pattern.test(error.message),
      line,
    );
});

test("applyChanges: any text gives a config or an invalid fault", () => {
  const word = fc.constantFrom(
    "CMD",
    "ENV",
    "LABEL",
    "EXPOSE",
    "VOLUME",
    "HEALTHCHECK",
    "ONBUILD",
    "WORKDIR",
    "USER",
  );
  const rest = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom(...Array.from("[]\"'\\=- \n/0a,CMD")) }),
  );
  fc.assert(
    fc.property(word, rest, (name, text) => {
      try {
        apply(`${name} ${text}`);
      } catch (error) {
        assert.ok(isFault(error, "invalid"), String(error));
      }
    }),
    { numRuns: 3000 },
  );
});
