import type { ICompletionProviderManager } from '@jupyterlab/completer';
import type { ISettingRegistry } from '@jupyterlab/settingregistry';

import { hintWhileTyping } from '../model';

describe('completion while typing', () => {
  let told: boolean[];
  let page: Document;

  function hinting(manager: object, chosen: () => boolean): void {
    hintWhileTyping(manager as ICompletionProviderManager, page, {
      get: () => ({ composite: chosen() })
    } as unknown as ISettingRegistry.ISettings);
  }

  function type(selector: string): void {
    page
      .querySelector(selector)
      ?.dispatchEvent(
        new KeyboardEvent('keydown', { key: 'j', bubbles: true })
      );
  }

  beforeEach(() => {
    told = [];
    page = document.implementation.createHTMLDocument();
    page.body.innerHTML =
      '<div class="cm-content"><span id="code"></span></div><input id="name">';
  });

  it('is switched on when somebody types in an editor', () => {
    hinting(
      { setContinuousHinting: (on: boolean) => told.push(on) },
      () => true
    );
    expect(told).toEqual([]);
    type('#code');
    expect(told).toEqual([true]);
  });

  it('follows the setting as it is at that moment', () => {
    let chosen = false;
    hinting(
      { setContinuousHinting: (on: boolean) => told.push(on) },
      () => chosen
    );
    type('#code');
    chosen = true;
    type('#code');
    expect(told).toEqual([false, true]);
  });

  it('leaves other fields alone', () => {
    hinting(
      { setContinuousHinting: (on: boolean) => told.push(on) },
      () => true
    );
    type('#name');
    expect(told).toEqual([]);
  });

  it('leaves a manager alone that has no such switch', () => {
    hinting({}, () => true);
    expect(() => type('#code')).not.toThrow();
  });
});
