/** Key of a storage's function that connects a manager to it. A bundle without a storage contains none of that code. */
export const CONNECT: unique symbol = Symbol.for("cube-token-manager.connect");
