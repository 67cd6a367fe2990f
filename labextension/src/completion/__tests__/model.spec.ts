import type { ICompletionProviderManager } from '@jupyterlab/completer';
import type { IEditorTracker } from '@jupyterlab/fileeditor';
import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import { PromiseDelegate } from '@lumino/coreutils';
import { Signal } from '@lumino/signaling';

import { FileHinting } from '../model';

/** The editors that are open, as JupyterLab's tracker tells of them. */
class Editors {
  readonly widgetAdded = new Signal<this, unknown>(this);
  readonly currentChanged = new Signal<this, unknown>(this);

  constructor(readonly open: { context: { ready: Promise<void> } }[] = []) {}

  forEach(visit: (editor: unknown) => void): void {
    this.open.forEach(visit);
  }
}

function hinting(editors: Editors, manager: object, chosen: boolean): void {
  new FileHinting(
    manager as ICompletionProviderManager,
    editors as unknown as IEditorTracker,
    {
      get: () => ({ composite: chosen })
    } as unknown as ISettingRegistry.ISettings
  );
}

describe('completion in files', () => {
  const told: boolean[] = [];
  const manager = {
    setContinuousHinting: (value: boolean) => told.push(value)
  };

  beforeEach(() => told.splice(0));

  it('gets the setting when a file is there, not before', async () => {
    const editors = new Editors();
    const ready = new PromiseDelegate<void>();
    hinting(editors, manager, true);
    editors.widgetAdded.emit({ context: { ready: ready.promise } });
    expect(told).toEqual([]);
    ready.resolve();
    await ready.promise;
    await Promise.resolve();
    expect(told).toEqual([true]);
  });

  it('gets it for files that were open already', async () => {
    const ready = Promise.resolve();
    hinting(new Editors([{ context: { ready } }]), manager, true);
    await ready;
    await Promise.resolve();
    expect(told).toEqual([true]);
  });

  it('stays off where the user has switched it off', () => {
    const editors = new Editors();
    hinting(editors, manager, false);
    editors.currentChanged.emit(null);
    expect(told).toEqual([false]);
  });

  it('leaves a manager alone that has no such switch', () => {
    const editors = new Editors();
    hinting(editors, {}, true);
    expect(() => editors.currentChanged.emit(null)).not.toThrow();
  });
});
