import { ServerConnection } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { TranslationManager } from '@jupyterlab/translation';

import catalogue from '../../../jupyter_remote_kit/locale/zh_CN/LC_MESSAGES/jupyter_remote_kit.json';

/** What a route answers: a status with a body, or nothing at all. */
export type Answer =
  { status: number; body: unknown } | 'unreachable' | 'hangs';

/** A server at the edge of the page: only `fetch` is replaced. */
export class FakeServer {
  readonly requests: Request[] = [];
  readonly answers = new Map<string, Answer>();

  readonly settings = ServerConnection.makeSettings({
    baseUrl: 'https://gpu.example/base/',
    token: '',
    init: { cache: 'default' },
    fetch: (input, init) => this._fetch(new Request(input, init))
  });

  /** Called on arrival of each request. */
  onRequest: () => void = () => undefined;

  answer(route: string, status: number, body: unknown): void {
    this.answers.set(route, { status, body });
  }

  fail(route: string, how: 'unreachable' | 'hangs'): void {
    this.answers.set(route, how);
  }

  asked(route: string): Request[] {
    return this.requests.filter(({ url }) => url.endsWith(`/${route}`));
  }

  private async _fetch(request: Request): Promise<Response> {
    this.requests.push(request);
    this.onRequest();
    const route = request.url.split('/').pop() ?? '';
    const answer = this.answers.get(route) ?? { status: 404, body: {} };
    if (answer === 'unreachable') {
      throw new TypeError('Failed to fetch');
    }
    if (answer === 'hangs') {
      return new Promise((_, reject) => {
        request.signal.addEventListener('abort', () => {
          reject(new DOMException('aborted', 'AbortError'));
        });
      });
    }
    const { status, body } = answer;
    return new Response(
      typeof body === 'string' ? body : JSON.stringify(body),
      { status }
    );
  }
}

export const HEALTHY = { status: 'ok' };

/** A status answer as the server gives it. */
export function status(posture: Record<string, unknown>): unknown {
  return {
    kit: { version: '0.1.0' },
    server: { version: '2.21.1', started: '2026-11-20T10:00:00Z' },
    posture: {
      mode: 'managed',
      instance: 'default',
      access: 'lan',
      scheme: 'https',
      secure: true,
      findings: [],
      ...posture
    },
    gpus: [],
    kernels: [],
    language: null
  };
}

/** The bundle JupyterLab would hand to the plugin, from the shipped catalogue. */
export async function bundle(
  language: 'en' | 'zh_CN'
): Promise<TranslationBundle> {
  const manager = new TranslationManager('', '', undefined, {
    fetch: () =>
      Promise.resolve({ message: '', data: { jupyter_remote_kit: catalogue } })
  } as unknown as ConstructorParameters<typeof TranslationManager>[3]);
  await manager.fetch(language);
  return manager.load('jupyter_remote_kit');
}
