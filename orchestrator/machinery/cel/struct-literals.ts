/**
 * An expression whose objects of types (`Object.spec{replicas: 3}`, `JSONPatch{op: "add"}`) are written as maps: the interpreter knows
 * no types of its own. What the types say of fields is lost with it. A function of a name space gets a name of its own.
 */
export function structsAsMaps(expression: string): string {
  let text = "";
  const open: ("struct" | "other")[] = [];
  let isAtKey = false;
  for (let at = 0; at < expression.length; ) {
    const token = tokenAt(expression, at, isAtKey && open.at(-1) === "struct");
    at += token.length;
    const shown = shownToken(token, open, isAtKey);
    text += shown;
    if (token.trim() !== "") isAtKey = (token === "," || isStruct(token)) && open.at(-1) === "struct";
  }
  return text;
}

const tokens =
  /\s+|\/\/[^\n]*|[rbRB]{0,2}(?:"""[^]*?"""|'''[^]*?'''|"(?:\\[^]|[^"\\])*"|'(?:\\[^]|[^'\\])*')|[A-Za-z_][\w.]*|[^]/y;
const structs = /(?:Object(?:\.[A-Za-z_]\w*)*|JSONPatch)\s*\{/y;
const keys = /\??(?:`[^`]*`|[A-Za-z_]\w*)(?=\s*:)/y;

function tokenAt(expression: string, at: number, isKey: boolean): string {
  for (const form of [...(isKey ? [keys] : []), structs, tokens]) {
    form.lastIndex = at;
    const [found] = form.exec(expression) ?? [];
    if (found !== undefined) return found;
  }
  return expression[at] ?? "";
}

function isStruct(token: string): boolean {
  return /^[JO].*\{$/s.test(token);
}

function shownToken(token: string, open: ("struct" | "other")[], isAtKey: boolean): string {
  if (isStruct(token)) {
    open.push("struct");
    return "{";
  }
  if (["{", "(", "["].includes(token)) open.push("other");
  if (["}", ")", "]"].includes(token)) open.pop();
  if (token === "jsonpatch.escapeKey") return "escapeJsonPatchKey";
  if (isAtKey && /^\??[A-Za-z_`]/.test(token)) return JSON.stringify(token.replaceAll(/[?`]/g, ""));
  return token;
}
