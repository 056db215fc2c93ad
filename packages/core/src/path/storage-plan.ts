import type { ProvisionPlan } from "../ports/engine.ts";
import { channelAccessBucket } from "../channels/access/index.ts";
import { cursorBucket } from "../channels/account-cursors.ts";
import { failedDeliveryBucket } from "../channels/failed-deliveries.ts";
import { assignmentBucket, clusterBucket } from "../cluster/records.ts";
import { checkpointBucket } from "./checkpoints.ts";
import { deadLetterBucket } from "./dead-letters.ts";
import { historyBucket } from "./history.ts";
import { inboxLog, journalLog } from "./router.ts";

/** Every log and bucket that the message path and the cluster use. */
export function storagePlan(partitions: number): ProvisionPlan {
  const numbers = Array.from({ length: partitions }, (_, partition) => partition);
  return {
    logs: [...numbers.map(inboxLog), ...numbers.map(journalLog)],
    buckets: [
      assignmentBucket,
      clusterBucket,
      checkpointBucket,
      historyBucket,
      deadLetterBucket,
      channelAccessBucket,
      cursorBucket,
      failedDeliveryBucket,
    ],
  };
}
