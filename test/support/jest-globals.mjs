// What tests import as `@jest/globals`: live bindings to the functions of the test file that runs.
export let [afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test] = [];

export function setGlobals(globals) {
  ({ afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } = globals);
}
