/** Where the tools write what an operator should know. A pino logger fits. */
export interface ToolLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}
