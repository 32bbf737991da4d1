import type { TokenProvider } from "../types.js";

/** So many tokens back: an answer to a request that was sent with one of them may still come. */
const REMEMBERED = 8;

/**
 * A server may quote the token in an error, a proxy may echo the headers of a request. No text of an error leaves the
 * worker with a token in it.
 */
export function remember(tokens: TokenProvider): {
  tokens: TokenProvider;
  scrub: (text: string) => string;
} {
  const seen = new Set<string>();
  const getToken: TokenProvider["getToken"] = async (options) => {
    const token = await tokens.getToken(options);
    if (token && !seen.has(token)) {
      seen.add(token);
      const [oldest] = seen;
      if (seen.size > REMEMBERED) seen.delete(oldest!);
    }
    return token;
  };
  const { invalidate, getSnapshot, subscribe } = tokens;
  return {
    tokens: { getToken, invalidate, getSnapshot, subscribe },
    scrub(text) {
      for (const token of seen) {
        // The parts of a JWT by themselves, too. Of a few characters they would be part of any word.
        for (const part of [token, encodeURIComponent(token), ...token.split(".")]) {
          if (part === token || part.length > 8) text = text.replaceAll(part, "[token]");
        }
      }
      return text;
    },
  };
}
