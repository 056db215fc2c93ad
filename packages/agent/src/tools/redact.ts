export type Redact = (text: string) => string;

/** Shorter secrets are not looked for: they would blank out ordinary words. */
const shortestSecret = 4;

/**
 * Replaces secrets that a server sends back, as they are, as JSON writes them and as URLs write them.
 * Of a secret like `Bearer abc` the part behind the space counts too.
 */
export function redactor(secrets: readonly string[]): Redact {
  const forms = new Set<string>();
  for (const secret of secrets) {
    for (const part of [secret, secret.slice(secret.lastIndexOf(" ") + 1)]) {
      forms.add(part);
      forms.add(JSON.stringify(part).slice(1, -1));
      forms.add(encodeURIComponent(part.toWellFormed()));
    }
  }
  const found = [...forms]
    .filter((form) => form.length >= shortestSecret)
    .sort((a, b) => b.length - a.length);
  if (found.length === 0) return (text) => text;
  return (text) => found.reduce((left, form) => left.replaceAll(form, "[secret]"), text);
}

/** How many bytes more than shown must be read, so that a secret at the cut is seen whole. */
export function redactionMargin(secrets: readonly string[]): number {
  return Math.max(0, ...secrets.map((secret) => Buffer.byteLength(secret) * 3));
}
