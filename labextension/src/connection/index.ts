import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { ConnectionModel } from './model';
import type { IConnectionState } from './tokens';
import { IConnection } from './tokens';
import { ConnectionItem } from './widget';
import { plainHttp, translateSchema } from './words';

const ID = 'jupyter-remote-kit:connection';

const plugin: JupyterFrontEndPlugin<IConnection> = {
  id: ID,
  description:
    'Shows in the status bar how safe and how quick the way to the server is.',
  autoStart: true,
  provides: IConnection,
  optional: [IStatusBar, ISettingRegistry, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    statusBar: IStatusBar | null,
    registry: ISettingRegistry | null,
    translator: ITranslator | null
  ): IConnection => {
    const language = translator ?? nullTranslator;
    const trans = language.load('jupyter_remote_kit');
    const model = new ConnectionModel({
      serverSettings: app.serviceManager.serverSettings,
      origin: window.location,
      interval: 10,
      language: () => language.languageCode.replace('_', '-'),
      plainHttp: plainHttp(trans)
    });
    window.addEventListener('online', () => void model.refresh());
    if (statusBar) {
      show(model, statusBar, trans);
    }
    registry?.transform(ID, {
      fetch: plugin => ({
        ...plugin,
        schema: translateSchema(plugin.schema, trans)
      })
    });
    // A page that is still loading has other things to fetch.
    void app.restored.then(() => watch(model, registry));
    return model;
  }
};

export default plugin;

function show(
  model: ConnectionModel,
  statusBar: IStatusBar,
  trans: TranslationBundle
): void {
  statusBar.registerStatusItem(ID, {
    item: new ConnectionItem(model, trans),
    align: 'right',
    rank: 900,
    isActive: () => model.watching && isKnown(model.state),
    activeStateChanged: model.changed
  });
}

function isKnown({ link }: IConnectionState): boolean {
  return link !== 'unknown' && link !== 'absent';
}

/** Watches as the settings say, and without settings as well. */
async function watch(
  model: ConnectionModel,
  registry: ISettingRegistry | null
): Promise<void> {
  const apply = (settings: ISettingRegistry.ISettings): void => {
    model.interval = settings.get('pollInterval').composite as number;
    model.watching = settings.get('showItem').composite as boolean;
  };
  if (registry === null) {
    model.watching = true;
    return;
  }
  try {
    const settings = await registry.load(ID);
    settings.changed.connect(apply);
    apply(settings);
  } catch (error) {
    console.error(`The settings of ${ID} could not be read`, error);
    model.watching = true;
  }
}
