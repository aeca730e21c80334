/** DynamoDB can't take the write now; the same write may work later. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
  constructor(cause: unknown) {
    super('DynamoDB is not available', { cause });
  }
}
