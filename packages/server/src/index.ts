export { type DoctorCheck, runDoctor } from "./doctor.ts";
export { type NodeOptions, type RunningNode, startNode } from "./start-node.ts";
