// Starts a session with the token, runs a cell over the kernel's websocket, prints what it answers. `node execute.cjs`, settings as JSON on stdin.
'use strict';

const { readFileSync } = require('node:fs');
const {
  KernelManager,
  ServerConnection,
  SessionManager
} = require('@jupyterlab/services');

async function main() {
  const { baseUrl, token, code } = JSON.parse(readFileSync(0, 'utf8'));
  const serverSettings = ServerConnection.makeSettings({
    baseUrl,
    wsUrl: baseUrl.replace(/^http/, 'ws'),
    token,
    appendToken: true
  });
  const kernelManager = new KernelManager({ serverSettings });
  const sessions = new SessionManager({ kernelManager, serverSettings });
  await sessions.ready;
  const session = await sessions.startNew({
    path: 'from-an-ide.ipynb',
    name: 'from-an-ide.ipynb',
    type: 'notebook',
    kernel: { name: 'python3' }
  });
  const results = [];
  const future = session.kernel.requestExecute({ code });
  future.onIOPub = message => {
    if (message.header.msg_type === 'execute_result') {
      results.push(message.content.data['text/plain']);
    }
  };
  const reply = await future.done;
  const running = (await sessions.refreshRunning(), [...sessions.running()].length);
  await session.shutdown();
  process.stdout.write(
    JSON.stringify({ status: reply.content.status, results, running }) + '\n'
  );
  process.exit(0);
}

main().catch(error => {
  process.stderr.write(`${error.stack ?? error}\n`);
  process.exit(1);
});
