import { SignJWT } from "jose";

export const dynamic = "force-dynamic";

const secret = new TextEncoder().encode(process.env.SECRET);

export default async function Layout({ children }) {
  const token = await new SignJWT({ sub: "ada" })
    .setProtectedHeader({ alg: "HS256" })
    .setIssuedAt()
    .setExpirationTime("10m")
    .sign(secret);
  return (
    <html lang="en">
      <head>
        <meta name="cube-token" content={token} />
        <link rel="icon" href="data:," />
      </head>
      <body>{children}</body>
    </html>
  );
}
