import { secretRef } from "@holdfast/core";
import { z } from "zod";

const origin = z
  .string()
  .max(255)
  .refine((text) => isOrigin(text), {
    error: "expected an origin as https://www.example.org, without a path",
  });

/** A chat on web pages: no platform, the nodes themselves serve it. */
export const webSettings = z.strictObject({
  /** The pages that may show the chat; the node's own demo page may always. */
  allowedOrigins: z.array(origin).max(64).default([]),
  /** Stands above the chat. */
  title: z.string().min(1).max(80).optional(),
  /** Of the widget's header and buttons. */
  colour: z
    .string()
    .regex(/^#[0-9a-f]{6}$/i, { error: "expected a colour as #2456e6" })
    .optional(),
  /** Where browsers reach the nodes: when one does not answer, the widget goes to the next. */
  addresses: z.array(origin).max(16).default([]),
  /** With it only visitors are let in whom the page's own server has signed. */
  visitorSecret: secretRef.optional(),
});

export type WebSettings = z.infer<typeof webSettings>;

function isOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}
