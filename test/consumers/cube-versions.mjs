/** The tested versions of Cube's client: the first and the last of each minor on npm. */
export const cubeVersions = [
  { core: "1.0.0", ws: "0.36.4" },
  { core: "1.2.25", ws: "0.36.4" },
  { core: "1.2.30", ws: "0.36.4" },
  { core: "1.3.15", ws: "0.36.4" },
  { core: "1.3.82", ws: "0.36.4" },
  { core: "1.5.2", ws: "0.36.4" },
  { core: "1.5.13", ws: "0.36.4" },
  { core: "1.6.1", ws: "1.6.57" },
  { core: "1.6.72", ws: "1.6.72" },
  { core: "1.7.1", ws: "1.7.3" },
  { core: "1.7.43", ws: "1.7.34" },
];
