import type { TokenProvider } from "../types.js";

/** The number of recent tokens to remember: answers to requests with any of them may still arrive. */
const REMEMBERED = 8;

/**
 * Keeps tokens out of error texts that leave the worker: a server may quote the token in an error, and a proxy may echo the
 * headers of a request.
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
        // Also the single parts of a JWT. Very short ones are kept, because they could be part of any word.
        for (const part of [token, encodeURIComponent(token), ...token.split(".")]) {
          if (part === token || part.length > 8) text = text.replaceAll(part, "[token]");
        }
      }
      return text;
    },
  };
}
