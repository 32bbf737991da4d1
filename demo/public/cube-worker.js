import { serveCube } from "/vendor/isolated.js";

// One worker for all tabs. It gets the token and queries Cube; pages get only rows.
serveCube({ endpoint: "/auth/cubejs-token", apiUrl: "/cubejs-api/v1", requestTimeout: 4000 });
