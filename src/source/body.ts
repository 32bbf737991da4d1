import { type About, invalidResponse } from "./answer.js";

/** A longer body (1 MiB) is not a token: reading stops there. */
const MAX_BODY = 1_048_576;

/** @throws {CubeTokenError} `ERR_INVALID_RESPONSE` for a body of more than 1 MiB. */
export async function readBody(response: Response, about: About): Promise<string> {
  const { body, headers } = response;
  const length = headers.get("content-length");
  // Chromium reports many requests as aborted if their body is read as a stream, so a small body is not. If it is
  // compressed, the header says little about its length.
  const isSmall = length && Number(length) <= MAX_BODY && !headers.get("content-encoding");
  // React Native has no streams.
  const reader = isSmall ? undefined : body?.getReader?.();
  let text = "";
  let size = 0;
  if (reader) {
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      text += decoder.decode(value, { stream: !done });
      if (done) break;
      size += value.byteLength;
      if (size > MAX_BODY) {
        reader.cancel().catch(() => {});
        break;
      }
    }
  } else {
    text = await response.text();
    size = text.length;
  }
  if (size > MAX_BODY) {
    throw invalidResponse("The answer is longer than 1 MiB. Is the endpoint a file or a page?", about);
  }
  return text.trim();
}
