/**
 * Jest runs tests in a realm of their own, where Node's own errors (ECONNREFUSED and the like) are not
 * `instanceof Error`. The AWS SDK then wraps them and loses their code, which it does nowhere but here.
 */
const { isNativeError } = require('node:util/types');

const ordinary = Function.prototype[Symbol.hasInstance];
Object.defineProperty(Error, Symbol.hasInstance, {
  value(candidate) {
    return ordinary.call(this, candidate) || (this === Error && isNativeError(candidate));
  },
});

// Said once a test file otherwise, which hides what matters.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';

// In CI the properties are checked on the same histories each time, so that a change is to blame for a failure;
// on a developer's machine on new ones. A failing seed is printed, and FC_SEED=... runs it again.
const fc = require('fast-check');
const { CI, FC_SEED } = process.env;
if (FC_SEED || CI) fc.configureGlobal({ seed: Number(FC_SEED || 20261123) });
