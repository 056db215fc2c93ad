export { type FakeSignal, type FakeSignalOptions, startFakeSignal } from "./fake-signal.ts";
