/** What clickhouse-go asks first over HTTP, to learn how to read the answers that follow. */
const helloQuery = /^\s*SELECT\s+displayName\(\),\s*version\(\),\s*revision\(\),\s*timezone\(\)\s*$/i;

/** From this protocol revision on a Native column carries a byte for custom serialization. */
const revisionWithCustomSerialization = 54454;

/** Whether this is clickhouse-go's hello, which it reads at the revision that it announces itself. */
export function isNativeHello(sql: string, clientRevision: number, format: string): boolean {
  return clientRevision > 0 && format === 'Native' && helloQuery.test(sql);
}

/**
 * The hello's answer: one row in the Native format of `clientRevision`, saying that ours is 0.
 *
 * chdb writes Native without a revision: no block info and no serialization byte. clickhouse-go reads the
 * hello at its own revision and everything after it at the one it is told here, so 0 makes it read what
 * chdb writes (conn_http.go, dialHttp and queryHello; lib/proto/block.go, Decode).
 */
export function nativeHello(clientRevision: number, displayName: string, version: string): Buffer {
  const hasSerializationByte = clientRevision >= revisionWithCustomSerialization;
  const column = (name: string, type: string, data: Buffer): Buffer =>
    Buffer.concat([text(name), text(type), Buffer.alloc(hasSerializationByte ? 1 : 0), data]);
  return Buffer.concat([
    // Block info: field 1 is_overflows = false, field 2 bucket_num = -1, end; then 4 columns of 1 row.
    Buffer.from([1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0, 4, 1]),
    column('displayName()', 'String', text(displayName)),
    column('version()', 'String', text(version)),
    column('revision()', 'UInt32', Buffer.alloc(4)),
    column('timezone()', 'String', text('UTC')),
  ]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  // One length byte is a whole varint below 128; names, types and versions are.
  return Buffer.concat([Buffer.from([Math.min(bytes.length, 127)]), bytes.subarray(0, 127)]);
}
