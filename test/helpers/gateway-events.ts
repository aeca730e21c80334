import type { APIGatewayProxyEventV2 } from 'aws-lambda';

/** Where the client is, as the gateway sees it, unless a test says otherwise. */
const clientAddress = '192.0.2.10';

/**
 * A GET as an HTTP API sends it to a function, payload format 2.0: from a client that says nothing about its address,
 * or with the X-Forwarded-For that `headers` have.
 */
export function getEvent(
  path: string,
  init: { routeKey: string; headers?: Record<string, string>; address?: string },
): APIGatewayProxyEventV2 {
  const { routeKey, headers, address = clientAddress } = init;
  const [rawPath = '/', rawQueryString = ''] = path.split('?');
  const host = 'abc123.execute-api.us-east-1.amazonaws.com';
  const userAgent = 'curl/8.7.1';
  return {
    version: '2.0',
    routeKey,
    rawPath,
    rawQueryString,
    headers: {
      accept: '*/*',
      'content-length': '0',
      host,
      'user-agent': userAgent,
      'x-amzn-trace-id': 'Root=1-691f0000-000000000000000000000000',
      'x-forwarded-for': address,
      'x-forwarded-port': '443',
      'x-forwarded-proto': 'https',
      ...headers,
    },
    requestContext: {
      accountId: '123456789012',
      apiId: 'abc123',
      domainName: host,
      domainPrefix: 'abc123',
      http: { method: 'GET', path: rawPath, protocol: 'HTTP/1.1', sourceIp: address, userAgent },
      requestId: 'JKJaXmPLvHcESHA=',
      routeKey,
      stage: '$default',
      time: '20/Nov/2026:10:00:00 +0000',
      timeEpoch: Date.UTC(2026, 10, 20, 10),
    },
    isBase64Encoded: false,
  };
}
