import type { ICompletionProviderManager } from '@jupyterlab/completer';
import type { IDocumentWidget } from '@jupyterlab/docregistry';
import type { FileEditor, IEditorTracker } from '@jupyterlab/fileeditor';
import type { ISettingRegistry } from '@jupyterlab/settingregistry';

type IEditor = IDocumentWidget<FileEditor>;

/** What JupyterLab's manager has beside its interface. */
interface IHinting {
  setContinuousHinting(value: boolean): void;
}

/**
 * Hands the setting "Enable autocompletion" on to the editors of files.
 *
 * JupyterLab gives it to the completers that exist when the setting is read, and to one that is updated; that of a file is made once and
 * never updated (`CompletionProviderManager._generateHandler`, 4.6), so that completion pops up in notebooks only.
 */
export class FileHinting {
  constructor(
    manager: ICompletionProviderManager,
    editors: IEditorTracker,
    settings: ISettingRegistry.ISettings
  ) {
    this._manager = manager;
    this._settings = settings;
    editors.widgetAdded.connect((_, editor) => void this._onAdded(editor));
    // The completer is made meanwhile; by the time that somebody types it is there.
    editors.currentChanged.connect(() => this._apply());
    editors.forEach(editor => void this._onAdded(editor));
  }

  private async _onAdded(editor: IEditor): Promise<void> {
    await editor.context.ready;
    this._apply();
  }

  private _apply(): void {
    if (canHint(this._manager)) {
      this._manager.setContinuousHinting(
        this._settings.get('autoCompletion').composite as boolean
      );
    }
  }

  private _manager: ICompletionProviderManager;
  private _settings: ISettingRegistry.ISettings;
}

function canHint(
  manager: ICompletionProviderManager | IHinting
): manager is IHinting {
  return 'setContinuousHinting' in manager;
}
