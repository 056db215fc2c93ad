export type { Terminal } from "./output/terminal.ts";
export { runCommand, type Surroundings } from "./program.ts";
