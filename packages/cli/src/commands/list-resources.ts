import type { ResourceKind } from "@holdfast/core";
import { type Client, paged, type ResourceOf } from "@holdfast/sdk";
import { nameOf } from "../addresses.ts";

/** The one that NAME means, or all of an organization, or of all organizations that the token may see. */
export async function* listResources<Kind extends ResourceKind>(
  client: Client,
  kind: Kind,
  name: string | undefined,
  organization: string | undefined,
): AsyncGenerator<ResourceOf<Kind>, void, undefined> {
  if (name !== undefined) {
    yield await client.get({ kind, ...nameOf(kind, name, organization) });
    return;
  }
  for await (const owner of organizationsOf(client, kind, organization)) {
    yield* paged((range) => client.list(kind, owner, range));
  }
}

async function* organizationsOf(
  client: Client,
  kind: ResourceKind,
  organization: string | undefined,
): AsyncGenerator<string | undefined, void, undefined> {
  if (kind === "Organization" || organization !== undefined) yield organization;
  else yield* organizationNames(client);
}

/** Of all organizations that the token may see. */
export async function* organizationNames(client: Client): AsyncGenerator<string, void, undefined> {
  for await (const { name } of paged((range) => client.list("Organization", undefined, range))) {
    yield name;
  }
}
