/** Under this a storage carries what connects a manager to it, so that who uses none carries none of it. */
export const CONNECT: unique symbol = Symbol.for("cube-token-manager.connect");
