/** What is wrong with a value, in the words of Go's decoder; upstream tells it in a BadRequest. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
}
