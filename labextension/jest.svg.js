/** The builder hands icons over as their source; so do the tests. */
module.exports = {
  process: source => ({ code: `module.exports = ${JSON.stringify(source)};` })
};
