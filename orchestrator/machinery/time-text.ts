/** A moment as metadata and conditions have it: RFC 3339, whole seconds; a number is milliseconds since 1970. */
export function timeText(at: Date | number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

/** The opposite of {@link timeText}; an absent one is the beginning of time. */
export function timeOf(text: string | undefined): number {
  return text === undefined ? 0 : Date.parse(text);
}
