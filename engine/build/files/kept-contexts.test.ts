import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type KeptContext, KeptContexts, type ListedFile } from "./kept-contexts.ts";
import { Spool } from "./spool.ts";

const folder = mkdtempSync(join(tmpdir(), "kept-contexts-"));
after(() => rmSync(folder, { recursive: true }));
const openSpool = () => new Spool(join(folder, "spools"));
const now = 1_800_000_000_000;
const file = (path: string, change: Partial<ListedFile> = {}): ListedFile => ({
  path,
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 3,
  mtime: 1_700_000_000_000_000_007n,
  ...change,
});

async function keep(context: KeptContext, files: readonly ListedFile[]): Promise<void> {
  const kept = files.map((each) => {
    const position = context.spool.reserve(each.size);
    context.spool.write(position, Buffer.from(each.path.padEnd(3).slice(0, 3)));
    return { ...each, spool: context.spool, position, sha256: each.path };
  });
  await context.keep(kept);
}

const contentOf = (context: KeptContext, listed: ListedFile) => {
  const found = context.find(listed);
  return found && Buffer.concat([...found.spool.read(found.position, listed.size)]).toString();
};

test("KeptContexts: a file is found again as it was, and not when anything about it has changed", async () => {
  const contexts = new KeptContexts(join(folder, "found"), () => now);
  using first = contexts.open("name", openSpool);
  await keep(first, [file("aaa"), file("bbb")]);
  first[Symbol.dispose]();
  using second = contexts.open("name", openSpool);
  assert.equal(contentOf(second, file("aaa")), "aaa");
  assert.equal(contentOf(second, file("bbb")), "bbb");
  for (const change of [
    { size: 2 },
    { mode: 0o755 },
    { uid: 1 },
    { gid: 1 },
    { mtime: 1_700_000_000_000_000_008n },
  ])
    assert.equal(second.find(file("aaa", change)), undefined);
  assert.equal(second.find(file("ccc")), undefined);
  using other = contexts.open("another name", openSpool);
  assert.equal(other.find(file("aaa")), undefined);
});

test("KeptContexts: times that say too little are not believed", async () => {
  const contexts = new KeptContexts(join(folder, "times"), () => now);
  using first = contexts.open("name", openSpool);
  const whole = file("old", { mtime: 1_000_000_000n });
  const later = file("new", { mtime: BigInt(now) * 1_000_000n + 1n });
  await keep(first, [whole, later, file("aaa")]);
  first[Symbol.dispose]();
  using second = contexts.open("name", openSpool);
  assert.equal(second.find(whole), undefined);
  assert.equal(second.find(later), undefined);
  assert.equal(contentOf(second, file("aaa")), "aaa");
});

test("KeptContexts: who comes second reads what is kept, and keeps nothing", async () => {
  const contexts = new KeptContexts(join(folder, "second"), () => now);
  using first = contexts.open("name", openSpool);
  await keep(first, [file("aaa")]);
  using second = contexts.open("name", openSpool);
  assert.equal(contentOf(second, file("aaa")), "aaa");
  await keep(second, [file("bbb")]);
  await contexts.remove(contexts.list()[0]?.key ?? "");
  assert.equal(contentOf(second, file("aaa")), "aaa", "what is open stays");
  first[Symbol.dispose]();
  using third = contexts.open("name", openSpool);
  assert.equal(third.find(file("aaa")), undefined);
  assert.equal(third.find(file("bbb")), undefined);
});

test("KeptContexts: what is broken counts as nothing, and a broken-off transfer is forgotten", async () => {
  const root = join(folder, "broken");
  const contexts = new KeptContexts(root, () => now);
  const make = async () => {
    using context = contexts.open("name", openSpool);
    await keep(context, [file("aaa")]);
  };
  const find = () => {
    using context = contexts.open("name", openSpool);
    return contentOf(context, file("aaa"));
  };
  await make();
  const [key = ""] = readdirSync(root);
  const [data, index] = [join(root, key, "data"), join(root, key, "index")];
  appendFileSync(data, "of a transfer that broke off");
  assert.equal(find(), "aaa");
  truncateSync(data, 1);
  assert.equal(find(), undefined);
  await make();
  writeFileSync(index, '{"version":1}\n');
  assert.equal(find(), undefined);
  await make();
  appendFileSync(index, "[");
  assert.equal(find(), undefined);
});

test("KeptContexts: there are so many and no more, and those used last stay", async () => {
  let time = now;
  const contexts = new KeptContexts(join(folder, "many"), () => time);
  for (let index = 0; index < 40; index++) {
    time += 1000;
    using context = contexts.open(`name ${index}`, openSpool);
    await keep(context, [file("aaa")]);
  }
  const names = contexts.list().map(({ name }) => name);
  assert.equal(names.length, 32);
  assert.ok(names.includes("name 39"));
});
