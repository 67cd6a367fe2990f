import { Signal } from '@lumino/signaling';
import { MessageLoop } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { act } from 'react';

import schema from '../../../schema/connection.json';
import { bundle } from '../../__tests__/server';
import type { IConnection, IConnectionState } from '../tokens';
import { ConnectionItem } from '../widget';
import { plainHttp, translateSchema } from '../words';

class Connection implements IConnection {
  readonly changed = new Signal<this, void>(this);

  state: IConnectionState = {
    link: 'up',
    roundTrip: 12.4,
    secure: true,
    findings: []
  };

  tell(state: Partial<IConnectionState>): void {
    this.state = { ...this.state, ...state };
    this.changed.emit();
  }
}

type Language = Parameters<typeof bundle>[0];

const WARNING = {
  code: 'wide-open',
  severity: 'warn' as const,
  message: 'Every address may connect.',
  fix: 'jupyter remotekit init --allow-network 10.0.0.0/8'
};

describe('ConnectionItem', () => {
  let connection: Connection;
  let item: ConnectionItem;

  async function show(
    language: Language,
    state: Partial<IConnectionState> = {}
  ): Promise<HTMLElement> {
    connection.tell(state);
    item = new ConnectionItem(connection, await bundle(language));
    await act(async () => {
      Widget.attach(item, document.body);
      MessageLoop.flush();
      await item.renderPromise;
    });
    return find('[role=group]');
  }

  function find(selector: string): HTMLElement {
    const found = item.node.querySelector<HTMLElement>(selector);
    if (found === null) {
      throw new Error(`nothing on the page matches ${selector}`);
    }
    return found;
  }

  function text(): string | null {
    return find('.jp-StatusBar-TextItem').textContent;
  }

  function icon(): string | null {
    return find('svg').getAttribute('data-icon');
  }

  beforeEach(() => {
    (globalThis as Record<string, unknown>).IS_REACT_ACT_ENVIRONMENT = true;
    connection = new Connection();
  });

  afterEach(() => {
    act(() => {
      item.dispose();
    });
  });

  it.each<[Language, Partial<IConnectionState>, string, string]>([
    ['en', {}, 'secure', 'Secure · 12 ms'],
    ['en', { roundTrip: 0.2 }, 'secure', 'Secure · 1 ms'],
    ['en', { secure: false }, 'insecure', 'Not secure · 12 ms'],
    ['en', { secure: null }, 'connected', 'Connected · 12 ms'],
    ['en', { link: 'down', roundTrip: null }, 'disconnected', 'Disconnected'],
    ['en', { link: 'signed-out' }, 'disconnected', 'Signed out'],
    ['zh_CN', {}, 'secure', '连接安全 · 12 ms'],
    ['zh_CN', { secure: false }, 'insecure', '连接不安全 · 12 ms'],
    ['zh_CN', { secure: null }, 'connected', '已连接 · 12 ms'],
    ['zh_CN', { link: 'down' }, 'disconnected', '连接已断开'],
    ['zh_CN', { link: 'signed-out' }, 'disconnected', '登录已失效']
  ])(
    'in %s shows %j with the icon %s as %s',
    async (language, state, shape, words) => {
      await show(language, state);
      expect(text()).toBe(words);
      expect(icon()).toBe(`jupyter-remote-kit:${shape}`);
    }
  );

  it('follows the connection', async () => {
    await show('en');
    act(() => {
      connection.tell({ link: 'down', roundTrip: null, secure: null });
    });
    expect(text()).toBe('Disconnected');
  });

  it('says that there are no findings', async () => {
    const group = await show('en');
    expect(group.title).toBe(
      'Round trip: 12 ms (median of the last 5)\nNo problems found.'
    );
  });

  it('lists each finding with its fix', async () => {
    const group = await show('en', {
      findings: [
        WARNING,
        { ...WARNING, severity: 'refuse', message: 'No password.', fix: null },
        { ...WARNING, severity: 'info', message: 'Own CA.', fix: null }
      ]
    });
    expect(group.title.split('\n')).toEqual([
      'Round trip: 12 ms (median of the last 5)',
      'Warning: Every address may connect.',
      'Fix: jupyter remotekit init --allow-network 10.0.0.0/8',
      'Refused by policy: No password.',
      'Note: Own CA.'
    ]);
  });

  it('lists them in Chinese', async () => {
    const trans = await bundle('zh_CN');
    const group = await show('zh_CN', { findings: [plainHttp(trans)] });
    expect(group.title.split('\n')).toEqual([
      '往返延迟：12 ms（最近 5 次的中位数）',
      '警告：此页面通过未加密的 HTTP 打开，传输途中的任何人都能窃听或篡改内容。',
      '解决方法：请改用 https:// 地址，或通过 SSH 隧道访问。'
    ]);
  });

  it('claims no clean slate where nothing is known', async () => {
    const group = await show('en', { secure: null });
    expect(group.title).toBe('Round trip: 12 ms (median of the last 5)');
  });

  it('says what to do once the session has ended', async () => {
    const group = await show('en', { link: 'signed-out' });
    expect(group.title).toBe(
      'Your session has ended. Reload the page to sign in again.'
    );
  });

  it('reads as one thing that the keyboard reaches', async () => {
    const group = await show('en', { findings: [WARNING] });
    expect(group.getAttribute('aria-label')).toBe('Connection: Secure · 12 ms');
    expect(group.getAttribute('aria-description')).toBe(group.title);
    expect(group.tabIndex).toBe(0);
  });

  it('reads out a new state, not each new figure', async () => {
    await show('en');
    const live = find('[role=status]');
    const changes: MutationRecord[] = [];
    const observer = new MutationObserver(records => changes.push(...records));
    observer.observe(live, {
      childList: true,
      characterData: true,
      subtree: true
    });
    act(() => {
      connection.tell({ roundTrip: 80 });
    });
    expect(text()).toBe('Secure · 80 ms');
    expect(observer.takeRecords()).toEqual([]);
    act(() => {
      connection.tell({ secure: false });
    });
    expect(observer.takeRecords()).not.toEqual([]);
    expect(live.textContent).toBe('Not secure');
    expect(changes).toEqual([]);
  });
});

describe('the settings', () => {
  it('say in English what the schema says', async () => {
    const { title, description, properties } = translateSchema(
      schema as Parameters<typeof translateSchema>[0],
      await bundle('en')
    );
    expect({ title, description, properties }).toEqual({
      title: schema.title,
      description: schema.description,
      properties: schema.properties
    });
  });

  it('are in Chinese too', async () => {
    const translated = translateSchema(
      schema as Parameters<typeof translateSchema>[0],
      await bundle('zh_CN')
    );
    expect(translated.title).toBe('远程连接');
    expect(translated.properties?.showItem?.title).toBe('在状态栏中显示');
    expect(translated.properties?.pollInterval?.default).toBe(10);
  });
});
