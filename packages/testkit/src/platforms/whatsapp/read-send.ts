import { type GraphError, graphErrors } from "./errors.ts";

const textMaxChars = 4_096;
const callbackDataMaxChars = 512;

/** What a POST to /messages asks for, checked as Meta does. */
export function readSend(
  body: unknown,
  known: { readonly received: ReadonlySet<string> },
):
  | GraphError
  | { readonly read: string; readonly isTyping: boolean }
  | { readonly to: string; readonly text: string; readonly key: string | undefined } {
  if (!isObject(body)) return graphErrors.parameter("The body is not a JSON object");
  if (body["messaging_product"] !== "whatsapp") return graphErrors.parameter("messaging_product");
  if (body["status"] === "read") {
    const id = body["message_id"];
    if (typeof id !== "string" || !known.received.has(id))
      return graphErrors.parameter("message_id");
    const indicator = body["typing_indicator"];
    return { read: id, isTyping: isObject(indicator) && indicator["type"] === "text" };
  }
  const to = body["to"] ?? body["recipient"];
  if (typeof to !== "string" || to === "") return graphErrors.missing("to");
  if (!/^\+?\d{5,20}$/.test(to) && !/^[A-Z]{2}\.\w+$/.test(to)) return graphErrors.parameter("to");
  if (body["recipient_type"] !== undefined && body["recipient_type"] !== "individual") {
    return graphErrors.parameter("recipient_type");
  }
  if (body["type"] !== "text") return graphErrors.unsupportedType;
  const text = isObject(body["text"]) ? body["text"]["body"] : undefined;
  if (typeof text !== "string" || text.trim() === "") return graphErrors.missing("text.body");
  if (text.length > textMaxChars) return graphErrors.parameter("text.body is longer than 4096");
  const context = body["context"];
  if (context !== undefined && !(isObject(context) && typeof context["message_id"] === "string")) {
    return graphErrors.parameter("context");
  }
  const key = body["biz_opaque_callback_data"];
  if (key !== undefined && (typeof key !== "string" || key.length > callbackDataMaxChars)) {
    return graphErrors.parameter("biz_opaque_callback_data");
  }
  return { to, text, key };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
