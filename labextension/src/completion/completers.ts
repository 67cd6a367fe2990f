import type {
  CompletionHandler,
  CompletionTriggerKind,
  ICompletionContext,
  ICompletionProvider,
  ICompletionProviderManager,
  IProviderReconciliator
} from '@jupyterlab/completer';

/** What asks the providers, with a method that is protected in JupyterLab's class (`ProviderReconciliator`). */
export interface IReconciliator extends IProviderReconciliator {
  applicableProviders(): Promise<ICompletionProvider[]>;
}

/** What JupyterLab's manager has beside its interface (`CompletionProviderManager`, 4.4 to 4.6). */
export interface ICompleters extends ICompletionProviderManager {
  readonly _panelHandlers: ReadonlyMap<string, CompletionHandler>;
  generateReconciliator(context: ICompletionContext): Promise<IReconciliator>;
}

export type Fetch = (
  request: CompletionHandler.IRequest,
  trigger?: CompletionTriggerKind
) => Promise<CompletionHandler.ICompletionItemsReply | null>;

/** Decides which providers are asked in `context`, and what becomes of their answer. */
export interface IFilter {
  /** Ask by `fetch`, which goes by `providers`; called when the request is made. */
  ask(context: ICompletionContext, fetch: Fetch): Fetch;
  /** Which of the applicable providers are to be asked by the request that is being made. */
  providers(
    context: ICompletionContext
  ): (applicable: ICompletionProvider[]) => ICompletionProvider[];
}

/** Whether `manager` can be filtered; another implementation, or a later JupyterLab, may not. */
export function hasCompleters(
  manager: ICompletionProviderManager
): manager is ICompleters {
  return (
    'generateReconciliator' in manager &&
    '_panelHandlers' in manager &&
    manager._panelHandlers instanceof Map
  );
}

/**
 * Put `filter` between every completer and its providers, and leave it to the caller when completion pops up by itself.
 *
 * Two defects of JupyterLab 4.6 with "Enable autocompletion" go with its own way of popping up: `CompletionHandler.onTextChanged` awaits
 * `shouldShowContinuousHint` before it tells the model of the new text, so that `onSelectionsChanged`, which runs meanwhile, compares the
 * new cursor with the old text and resets the model (`CompleterModel.handleCursorChange`, "beyond the end of the area"): after Escape and
 * Tab, where nothing is typed yet, a letter closes the popup. Without that method there is nothing to await.
 */
export function filterCompleters(manager: ICompleters, filter: IFilter): void {
  const generate = manager.generateReconciliator.bind(manager);
  manager.generateReconciliator = async context => {
    const inner = await generate(context);
    const applicable = inner.applicableProviders.bind(inner);
    inner.applicableProviders = () =>
      applicable().then(filter.providers(context));
    const reconciliator: Partial<IReconciliator> = {
      applicableProviders: () => inner.applicableProviders(),
      fetch: filter.ask(context, inner.fetch.bind(inner)),
      fetchInline: inner.fetchInline.bind(inner)
    };
    return reconciliator as IReconciliator;
  };
}
