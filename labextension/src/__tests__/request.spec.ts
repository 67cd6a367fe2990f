import { request, RequestError } from '../request';
import { FakeServer, HEALTHY } from './server';

const identity = (body: unknown): unknown => body;

async function failure(promise: Promise<unknown>): Promise<RequestError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason
  );
  expect(error).toBeInstanceOf(RequestError);
  return error as RequestError;
}

describe('request', () => {
  let server: FakeServer;

  beforeEach(() => {
    server = new FakeServer();
  });

  it('asks below the base URL and returns what the answer parses to', async () => {
    server.answer('health', 200, HEALTHY);
    const body = await request('health', {
      serverSettings: server.settings,
      parse: identity
    });
    expect(body).toEqual({ status: 'ok' });
    expect(server.requests[0]?.url).toBe(
      'https://gpu.example/base/remotekit/api/health'
    );
  });

  it('asks for sentences in a language', async () => {
    server.answer('status', 200, {});
    await request('status', {
      serverSettings: server.settings,
      parse: identity,
      language: 'zh-CN'
    });
    expect(server.requests[0]?.headers.get('Accept-Language')).toBe('zh-CN');
  });

  it('tells the status of a refusal', async () => {
    server.answer('status', 403, { message: 'Forbidden' });
    const error = await failure(
      request('status', { serverSettings: server.settings, parse: identity })
    );
    expect(error.status).toBe(403);
    expect(error.message).toMatch(/remotekit\/api\/status answered 403$/);
  });

  it('does not take the page of a proxy for an answer', async () => {
    server.answer('health', 200, '<html>Sign in to the Wi-Fi</html>');
    const error = await failure(
      request('health', { serverSettings: server.settings, parse: identity })
    );
    expect(error.status).toBe(200);
    expect((error.cause as Error).name).toBe('SyntaxError');
  });

  it('passes on what the parser does not like', async () => {
    server.answer('health', 200, { status: 'odd' });
    const odd = new TypeError('odd');
    const error = await failure(
      request('health', {
        serverSettings: server.settings,
        parse: () => {
          throw odd;
        }
      })
    );
    expect(error.cause).toBe(odd);
  });

  it('has no status where nobody answers', async () => {
    server.fail('health', 'unreachable');
    const error = await failure(
      request('health', { serverSettings: server.settings, parse: identity })
    );
    expect(error.status).toBeNull();
  });

  it('gives up on a line that swallows everything', async () => {
    server.fail('health', 'hangs');
    const error = await failure(
      request('health', {
        serverSettings: server.settings,
        parse: identity,
        timeout: 20
      })
    );
    expect(error.status).toBeNull();
    expect(server.requests[0]?.signal.aborted).toBe(true);
  });
});
