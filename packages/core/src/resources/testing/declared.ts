/** Resources as users declare them. */
export const acme = { kind: "Organization", name: "acme" };

export function agent(name: string, more: object = {}, organization = "acme"): object {
  return { kind: "Agent", organization, name, model: "default", ...more };
}

export function provider(name: string, more: object = {}, organization = "acme"): object {
  return { kind: "Provider", organization, name, type: "openai", ...more };
}
