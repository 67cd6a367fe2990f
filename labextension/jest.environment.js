const { TestEnvironment } = require('jest-environment-jsdom');

/**
 * What jsdom lacks and JupyterLab's packages want on import: Node's fetch with
 * the abort signals that belong to it, drag events, media queries,
 * idle time.
 */
module.exports = class extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    Object.assign(this.global, {
      AbortController,
      AbortSignal,
      DragEvent: class extends this.global.MouseEvent {},
      Headers,
      Request,
      Response,
      fetch,
      matchMedia: () => ({ matches: false, addEventListener() {} }),
      requestIdleCallback: callback => setTimeout(callback, 0)
    });
  }
};
