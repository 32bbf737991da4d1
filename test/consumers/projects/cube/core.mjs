import "@cubejs-client/core";
