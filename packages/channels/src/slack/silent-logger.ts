import { type Logger, LogLevel } from "@slack/web-api";

/** The libraries would write to the console, where nobody looks and anything might stand in it. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  setLevel: () => {},
  getLevel: () => LogLevel.ERROR,
  setName: () => {},
};
