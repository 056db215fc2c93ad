export { type DoctorCheck, type DoctorOptions, runDoctor } from "./doctor.ts";
export { type NodeOptions, type RunningNode, startNode } from "./start-node.ts";
