export { type FakeSlack, startFakeSlack } from "./fake-slack.ts";
