import react from "@vitejs/plugin-react";

export default {
  plugins: [react()],
  server: { proxy: { "/auth": process.env.APP_SERVER } },
};
