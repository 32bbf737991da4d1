/** The floor: what the language itself needs for a promise of a token. */
export async function create(token) {
  return { getToken: async () => token };
}
