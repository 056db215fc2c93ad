import { HoldfastError, type ResourceStore } from "@holdfast/core";

/** What a new cell begins with, so that the first command has somebody to talk to. */
const demo = [
  { kind: "Organization", name: "demo", displayName: "Demo" },
  {
    kind: "Agent",
    organization: "demo",
    name: "greeter",
    displayName: "Greeter",
    description: "Greets people and shows what an agent can do.",
    instructions:
      "You are a friendly guide to Holdfast. Greet people, answer in a few sentences, and remember what they told you.",
    model: "default",
    tools: [{ type: "memory" }],
  },
];

/** Makes the demo organization when the cell has no organization at all. */
export async function seedDemo(resources: ResourceStore): Promise<void> {
  const { items } = resources.list("Organization", undefined, { limit: 1 });
  if (items.length > 0) return;
  try {
    await resources.apply(demo, {});
  } catch (thrown) {
    const isRace = thrown instanceof HoldfastError && thrown.code === "revision_conflict";
    if (!isRace) throw thrown;
  }
}
