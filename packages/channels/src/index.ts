export { accountFaults } from "./account-faults.ts";
export { channels } from "./registry.ts";
