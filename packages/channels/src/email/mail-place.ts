/** Where a mail lies in the mailbox. */
export interface MailPlace {
  readonly uidValidity: string;
  readonly uid: number;
  /** When the server took it, in milliseconds since 1970. */
  readonly receivedAt: number;
  /** Of its source: what stands for a mail without a Message-ID. */
  readonly sourceHash: string;
}
