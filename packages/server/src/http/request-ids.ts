import type { IncomingMessage } from "node:http";
import type { Random } from "@holdfast/core";

const given = /^[A-Za-z0-9._:+=/-]{1,128}$/;

/** The client's `x-request-id` when it is sound, otherwise a new one. */
export function requestIds(random: Random): (request?: Pick<IncomingMessage, "headers">) => string {
  const prefix = `req-${random.token(10)}`;
  let count = 0;
  return (request) => {
    const header = request?.headers["x-request-id"];
    if (typeof header === "string" && given.test(header)) return header;
    count += 1;
    return `${prefix}-${count.toString(36)}`;
  };
}
