const alphabet = "bcdfghjklmnpqrstvwxz2456789";
const [mostLength, suffixLength] = [63, 5];

/** How often a creation with a generated name is tried, when the name is taken. */
export const mostNameAttempts = 8;

/**
 * A name from the `generateName` of an object: the base, cut to leave room, and five random characters.
 *
 * @param random a number from 0 up to, but without, 1
 * @see Kubernetes API conventions, "Names and UIDs"
 */
export function generateName(base: string, random: () => number): string {
  return base.slice(0, mostLength - suffixLength) + randomName(suffixLength, random);
}

/** Random characters of those that names are generated from. */
export function randomName(length: number, random: () => number): string {
  let text = "";
  while (text.length < length) text += alphabet[Math.floor(random() * alphabet.length)];
  return text;
}

/** A hash's text in the same characters, as in `pod-template-hash`. */
export function safeEncode(text: string): string {
  return Array.from(text, (character) => alphabet[(character.codePointAt(0) ?? 0) % alphabet.length]).join(
    "",
  );
}
