/** A request over a kept connection, as a client library sends it. */
export type HttpAct = {
  over: 'http';
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Buffer;
};

/** Bytes on a connection of their own. `read` false: nothing is read until the steps are over. */
export type RawAct = {
  over: 'socket';
  steps: readonly Step[];
  read?: boolean;
};

/** `end` closes our half, `destroy` resets the connection. */
export type Step = { write: string | Buffer } | { waitMs: number } | 'end' | 'destroy';

/** What may be answered to one request. Anything else is a breach. */
export type Expected = {
  statuses: readonly number[];
  /** Fields of which a 400 must name one. None: any that the contract knows. */
  fields?: readonly string[];
};

/** One thing done to ingest, and what may come of it. */
export type Attack = {
  kind: string;
  act: HttpAct | RawAct;
  /** In the order of the requests. */
  expected: readonly Expected[];
  /** Whether the connection may end before all is answered, since nobody could say anything, or nobody listens. */
  maySilence?: boolean;
  /** Whether the server must have closed the connection in the end, having read no more than it needed. */
  mustClose?: boolean;
  /** Takes seconds on purpose. */
  isSlow?: boolean;
  /** The bodies of the requests, in order, where one of them may be accepted or may arrive unanswered. */
  bodies?: readonly string[];
};

export type Answer = {
  status: number;
  /** The phrase on the status line: all that the relay shows. */
  phrase: string;
  headers: Record<string, string>;
  body: string;
  /** Milliseconds from the first byte sent (for a silent connection: from connecting) to the end of the answer. */
  ms: number;
};

/** `ended` says how: all answers came, or the server closed, or nothing came in time. */
export type Outcome = {
  answers: Answer[];
  /** 100 Continue was said. */
  isContinued: boolean;
  ended: 'answered' | 'closed' | 'timeout';
};
