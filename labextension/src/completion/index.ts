import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICompletionProviderManager } from '@jupyterlab/completer';
import { PageConfig } from '@jupyterlab/coreutils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';

import { hintWhileTyping } from './model';

const ID = 'jupyter-remote-kit:completion';
const COMPLETER = '@jupyterlab/completer-extension:manager';

const plugin: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: 'Lets completion pop up while typing in every editor.',
  autoStart: true,
  optional: [ICompletionProviderManager, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    manager: ICompletionProviderManager | null,
    registry: ISettingRegistry | null
  ): void => {
    // A server that the kit does not manage behaves as if the kit were not there.
    const managed = PageConfig.getOption('remotekitMode') === 'managed';
    if (!managed || !manager || !registry) {
      return;
    }
    void app.restored
      .then(() => registry.load(COMPLETER))
      .then(settings => hintWhileTyping(manager, document, settings))
      .catch((error: unknown) =>
        console.error(`The settings of ${COMPLETER} could not be read`, error)
      );
  }
};

export default plugin;
