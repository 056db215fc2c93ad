export * from "./fake-platform.ts";
