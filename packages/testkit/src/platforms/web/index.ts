export { startFakeWeb } from "./fake-web.ts";
