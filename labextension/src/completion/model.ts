import type { ICompletionProviderManager } from '@jupyterlab/completer';
import type { ISettingRegistry } from '@jupyterlab/settingregistry';

/** What JupyterLab's manager has beside its interface. */
interface IHinting {
  setContinuousHinting(value: boolean): void;
}

const EDITOR = '.cm-content';

/**
 * Hands the setting "Enable autocompletion" on to every completer, when somebody types.
 *
 * JupyterLab gives it to the completers that exist when the setting is read, and to one that is updated later
 * (`CompletionProviderManager._generateHandler`, 4.6). That of a file is never updated, and that of a notebook not before another cell is
 * chosen, so that completion would pop up in some editors and not in others.
 */
export function hintWhileTyping(
  manager: ICompletionProviderManager,
  page: Document,
  settings: ISettingRegistry.ISettings
): void {
  // Captured: the completer looks at its switch when the key has changed the text.
  page.addEventListener(
    'keydown',
    event => {
      if (inEditor(event.target) && canHint(manager)) {
        manager.setContinuousHinting(
          settings.get('autoCompletion').composite as boolean
        );
      }
    },
    { capture: true, passive: true }
  );
}

function inEditor(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest(EDITOR) !== null;
}

function canHint(
  manager: ICompletionProviderManager | IHinting
): manager is IHinting {
  return 'setContinuousHinting' in manager;
}
