'use strict';
// Jest's transformer: strips TypeScript's types as Node itself does, so that tests run the very code that production runs.
const { createHash } = require('node:crypto');
const { stripTypeScriptTypes } = require('node:module');

const transform = (source) => ({ code: stripTypeScriptTypes(source) });

module.exports = {
  process: transform,
  processAsync: async (source) => transform(source),
  getCacheKey: (source, path) => createHash('sha1').update(process.version).update(path).update(source).digest('hex'),
};
