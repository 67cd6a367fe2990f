import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { IStatusBar } from '@jupyterlab/statusbar';
import { Signal } from '@lumino/signaling';

import { FakeServer, HEALTHY, status } from '../../__tests__/server';
import plugin from '..';
import type { IConnection } from '../tokens';

type Values = Record<string, unknown>;

/** The user's settings, which can change. */
class Settings {
  readonly changed = new Signal<this, void>(this);

  constructor(private _values: Values) {}

  get(key: string): { composite: unknown } {
    return { composite: this._values[key] };
  }

  set(values: Values): void {
    this._values = { ...this._values, ...values };
    this.changed.emit();
  }
}

describe('the plugin', () => {
  let server: FakeServer;
  let settings: Settings;
  let shown: IStatusBar.IItem;

  const statusBar: IStatusBar = {
    registerStatusItem: (_, item) => {
      shown = item;
      return { isDisposed: false, dispose: () => undefined };
    }
  };

  function activate(load: () => Promise<unknown>): IConnection {
    const app = {
      restored: Promise.resolve(),
      serviceManager: { serverSettings: server.settings }
    } as unknown as JupyterFrontEnd;
    const registry = {
      transform: () => undefined,
      load
    } as unknown as ISettingRegistry;
    return plugin.activate(
      app,
      statusBar,
      registry,
      null
    ) as unknown as IConnection;
  }

  /** Resolves when the connection is in the state. */
  async function until(
    connection: IConnection,
    link: IConnection['state']['link']
  ): Promise<void> {
    await new Promise<void>(resolve => {
      const check = (): void => {
        if (connection.state.link === link) {
          connection.changed.disconnect(check);
          resolve();
        }
      };
      connection.changed.connect(check);
      check();
    });
  }

  beforeEach(() => {
    server = new FakeServer();
    server.answer('health', 200, HEALTHY);
    server.answer('status', 200, status({}));
    settings = new Settings({ pollInterval: 10, showItem: true });
  });

  it('shows the item once the server has answered', async () => {
    const connection = activate(() => Promise.resolve(settings));
    expect(shown.isActive?.()).toBe(false);
    await until(connection, 'up');
    expect(shown.isActive?.()).toBe(true);
    settings.set({ showItem: false });
  });

  it('shows nothing of a server without the extension', async () => {
    server.answer('health', 404, {});
    const connection = activate(() => Promise.resolve(settings));
    await until(connection, 'absent');
    expect(shown.isActive?.()).toBe(false);
  });

  it('goes when the settings say so', async () => {
    const connection = activate(() => Promise.resolve(settings));
    await until(connection, 'up');
    settings.set({ showItem: false });
    expect(shown.isActive?.()).toBe(false);
  });

  it('asks nothing where the settings hide it', async () => {
    settings.set({ showItem: false });
    const loaded = Promise.resolve(settings);
    activate(() => loaded);
    await loaded;
    await new Promise(resolve => setTimeout(resolve, 0));
    expect(server.requests).toEqual([]);
  });

  it('shows the item without settings', async () => {
    const complain = jest.spyOn(console, 'error').mockReturnValue();
    const connection = activate(() => Promise.reject(new Error('no schema')));
    await until(connection, 'up');
    expect(shown.isActive?.()).toBe(true);
    expect(complain).toHaveBeenCalledWith(
      expect.stringContaining('jupyter-remote-kit:connection'),
      expect.any(Error)
    );
    complain.mockRestore();
  });
});
