/** Fields of one paragraph, by their name in lower case. A value that goes on over several lines keeps its line breaks. */
export type Paragraph = ReadonlyMap<string, string>;

/**
 * Reads paragraphs as dpkg's files, indexes of packages and Python's metadata have them. What is no field is passed over. Of a field
 * that occurs twice the first one counts.
 *
 * @see Debian policy 4.7, section 5.1
 */
export function* parseParagraphs(text: string): Generator<Paragraph> {
  let fields = new Map<string, string>();
  let last: string | undefined;
  for (const line of linesOf(text)) {
    if (line.trim() === "") {
      if (fields.size > 0) yield fields;
      fields = new Map();
      last = undefined;
    } else if (line.startsWith(" ") || line.startsWith("\t")) {
      if (last !== undefined) fields.set(last, `${fields.get(last)}\n${line.slice(1)}`);
    } else if (!line.startsWith("#")) {
      const colon = line.indexOf(":");
      const name = line.slice(0, Math.max(colon, 0)).toLowerCase();
      last = name === "" || fields.has(name) ? undefined : name;
      if (last !== undefined) fields.set(last, line.slice(colon + 1).trim());
    }
  }
  if (fields.size > 0) yield fields;
}

function* linesOf(text: string): Generator<string> {
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf("\n", start);
    const line = text.slice(start, end < 0 ? text.length : end);
    yield line.endsWith("\r") ? line.slice(0, -1) : line;
    if (end < 0) return;
    start = end + 1;
  }
}
