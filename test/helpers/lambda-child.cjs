/** Loads a function's bundle as Lambda does, and answers events that come from the parent. See lambda.ts. */
const { handler } = require(process.argv[2]);

process.send({ ready: true });
process.on('message', async ({ id, event }) => {
  try {
    process.send({ id, result: await handler(event) });
  } catch (error) {
    process.send({ id, error: `${error.name}: ${error.message}` });
  }
});
