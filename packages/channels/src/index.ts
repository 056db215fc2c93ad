export { accountFaults } from "./account-faults.ts";
export { WebAccount } from "./web/index.ts";
export { channels } from "./registry.ts";
