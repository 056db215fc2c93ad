import { readFile } from "node:fs/promises";
import type { ConnectionOptions } from "node:tls";
import { HoldfastError } from "@holdfast/core";
import type { EmailSettings } from "./settings.ts";

/** For both protocols; the file is read each time, so that a new one needs no restart. Errors: `channel_unavailable`. */
export async function tlsOptions(settings: EmailSettings): Promise<ConnectionOptions> {
  const options: ConnectionOptions = { minVersion: "TLSv1.2" };
  if (settings.tls === undefined) return options;
  try {
    return { ...options, ca: await readFile(settings.tls.caFile) };
  } catch {
    throw new HoldfastError("channel_unavailable", "The file of tls.caFile cannot be read.");
  }
}
