import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICompletionProviderManager } from '@jupyterlab/completer';
import { PageConfig } from '@jupyterlab/coreutils';
import { IEditorTracker } from '@jupyterlab/fileeditor';
import { ISettingRegistry } from '@jupyterlab/settingregistry';

import { FileHinting } from './model';

const ID = 'jupyter-remote-kit:completion';
const COMPLETER = '@jupyterlab/completer-extension:manager';

const plugin: JupyterFrontEndPlugin<void> = {
  id: ID,
  description:
    'Lets completion pop up while typing in files, as it does in notebooks.',
  autoStart: true,
  optional: [ICompletionProviderManager, IEditorTracker, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    manager: ICompletionProviderManager | null,
    editors: IEditorTracker | null,
    registry: ISettingRegistry | null
  ): void => {
    // A server that the kit does not manage behaves as if the kit were not there.
    const managed = PageConfig.getOption('remotekitMode') === 'managed';
    if (!managed || !manager || !editors || !registry) {
      return;
    }
    void app.restored
      .then(() => registry.load(COMPLETER))
      .then(settings => new FileHinting(manager, editors, settings))
      .catch((error: unknown) =>
        console.error(`The settings of ${COMPLETER} could not be read`, error)
      );
  }
};

export default plugin;
