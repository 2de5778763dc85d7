'use strict';
// Jest's test runner on Node's own module loader: a worker loads and compiles the service's modules once, not once per test file, and
// tests run the very code that production runs. Test files of a worker share modules and the global object, so each restores what it
// changes there; and watch mode sees a changed module only in a new worker.
const { registerHooks } = require('node:module');
const { pathToFileURL } = require('node:url');
const { default: runCircus } = require('jest-circus/runner');

const GLOBALS = pathToFileURL(require.resolve('./jest-globals.mjs')).href;

registerHooks({
  resolve: (specifier, context, next) => (specifier === '@jest/globals' ? { url: GLOBALS, shortCircuit: true } : next(specifier, context)),
});

/** Where jest-circus keeps its listeners and jest.setTimeout's argument, on the global object. */
const HANDLERS = Symbol.for('EVENT_HANDLERS');
const TIMEOUT = Symbol.for('TEST_TIMEOUT_SYMBOL');

module.exports = async (globalConfig, config, environment, runtime, testPath, sendMessage) => {
  const { setGlobals } = await import(GLOBALS);
  const FakeTimers = environment.fakeTimersModern.constructor;
  environment.fakeTimersModern = new FakeTimers({ config, global: globalThis });
  // jest-circus and expect work in the tests' realm: expect.any(Number) means the tests' Number. Each file has its own list of tests.
  runtime.requireInternalModule = (path) => {
    delete require.cache[path];
    delete globalThis[HANDLERS];
    return require(path);
  };
  runtime.unstable_shouldLoadAsEsm = () => true;
  runtime.unstable_importModule = async (path) => {
    setGlobals(runtime.requireModuleOrMock(path, '@jest/globals'));
    await import(pathToFileURL(path).href);
    globalThis[TIMEOUT] = environment.global[TIMEOUT];
  };
  return await runCircus(globalConfig, config, environment, runtime, testPath, sendMessage);
};
