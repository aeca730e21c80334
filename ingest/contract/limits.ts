/** Bounds of a callback and its item. DynamoDB's own: a key of 2,048 bytes, an item of 400 KB; the rest as in RFC-0054. */
export const limits = {
  /** DynamoDB's bound on a partition key. */
  keyBytes: 2048,
  idBytes: 512,
  eventTypeBytes: 64,
  urlBytes: 2048,
  /** Of the JSON text; larger environments are refused, since half an object means nothing. */
  environmentBytes: 16_384,
  failedTests: 1000,
  /** Lists and objects inside each other: more than anybody means. */
  nestingLevels: 1000,
  messageBytes: 1024,
  traceBytes: 4096,
  /** Keeps an item under 400 KB whatever the other fields hold (they add up to less than 50 KB). */
  failedTestsJsonBytes: 300_000,
} as const;
