export { type FakeEmail, type FakeEmailOptions, startFakeEmail } from "./fake-email.ts";
