import type { Membership } from "@holdfast/core";

export interface RemovalsOptions {
  readonly node: string;
  readonly membership: Pick<Membership, "removed" | "onChange">;
  /** This node was taken out; called once. */
  readonly onOwn: () => void;
  /** Others were; called with all of them after each change of the members, one call after the other. */
  readonly onOthers: (removed: readonly string[]) => Promise<void>;
}

/** What follows from the removal of nodes, also of those that were removed before this one looked. */
export function followRemovals({ node, membership, onOwn, onOthers }: RemovalsOptions): void {
  let last = Promise.resolve();
  let isOut = false;
  const look = () => {
    const { removed } = membership;
    if (isOut || removed.length === 0) return;
    isOut = removed.some((each) => each === node);
    if (isOut) onOwn();
    else last = last.then(() => onOthers(removed));
  };
  membership.onChange(look);
  look();
}
