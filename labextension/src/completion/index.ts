import { EditorView } from '@codemirror/view';
import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  EditorExtensionRegistry,
  IEditorExtensionRegistry
} from '@jupyterlab/codemirror';
import type { ICompletionContext } from '@jupyterlab/completer';
import { ICompletionProviderManager } from '@jupyterlab/completer';
import { PageConfig } from '@jupyterlab/coreutils';
import { IDebugger } from '@jupyterlab/debugger';
import type { IDocumentWidget } from '@jupyterlab/docregistry';
import { ILSPDocumentConnectionManager } from '@jupyterlab/lsp';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import type { Widget } from '@lumino/widgets';

import { filterCompleters, hasCompleters } from './completers';
import { keepSignaturesBesideLine } from './signature';
import { Typing } from './typing';
import { translateSchema } from './words';

const ID = 'jupyter-remote-kit:completion';
const COMPLETER = '@jupyterlab/completer-extension:manager';

const plugin: JupyterFrontEndPlugin<void> = {
  id: ID,
  description:
    'Completion that opens while typing and changes nothing by itself.',
  autoStart: true,
  requires: [IEditorExtensionRegistry],
  optional: [
    ICompletionProviderManager,
    ISettingRegistry,
    ILSPDocumentConnectionManager,
    IDebugger,
    ITranslator
  ],
  activate: (
    app: JupyterFrontEnd,
    extensions: IEditorExtensionRegistry,
    manager: ICompletionProviderManager | null,
    registry: ISettingRegistry | null,
    servers: ILSPDocumentConnectionManager | null,
    debug: IDebugger | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('jupyter_remote_kit');
    registry?.transform(ID, {
      fetch: plugin => ({
        ...plugin,
        schema: translateSchema(plugin.schema, trans)
      })
    });
    // A server that the kit does not manage behaves as if the kit were not there.
    const managed = PageConfig.getOption('remotekitMode') === 'managed';
    if (!managed || !manager || !registry) {
      return;
    }
    if (!hasCompleters(manager)) {
      console.warn('Completion while typing is left to this JupyterLab.');
      return;
    }
    const enabled = setting(app, registry, COMPLETER, 'autoCompletion');
    const enterAccepts = setting(app, registry, ID, 'enterAccepts');
    const typing = new Typing({
      completers: manager,
      enabled,
      enterAccepts,
      served: context => servers !== null && isServed(servers, context),
      debugged: kernel =>
        debug?.isStarted === true &&
        debug.session?.connection?.kernel?.id === kernel
    });
    filterCompleters(manager, typing);
    extensions.addExtension({
      name: ID,
      factory: () =>
        EditorExtensionRegistry.createImmutableExtension(
          EditorView.updateListener.of(typing.updated)
        )
    });
    servers?.initialized.connect(typing.serverReady);
    servers?.connected.connect(typing.serverReady);
    // On the window: the completer itself listens on the document.
    window.addEventListener('keydown', typing.keydown, { capture: true });
    keepSignaturesBesideLine(document);
  }
};

export default plugin;

function isServed(
  { documents, connections }: ILSPDocumentConnectionManager,
  { widget }: ICompletionContext
): boolean {
  const { context } = widget as Widget & Partial<IDocumentWidget>;
  return [...documents.values()].some(
    ({ path, uri }) =>
      path === context?.path && connections.get(uri)?.isReady === true
  );
}

/** A setting as it is when it is asked for; off until it has been read. */
function setting(
  app: JupyterFrontEnd,
  registry: ISettingRegistry,
  id: string,
  name: string
): () => boolean {
  let settings: ISettingRegistry.ISettings | null = null;
  void app.restored
    .then(() => registry.load(id))
    .then(loaded => {
      settings = loaded;
    })
    .catch((error: unknown) =>
      console.error(`The settings of ${id} could not be read`, error)
    );
  return () => settings?.get(name).composite === true;
}
