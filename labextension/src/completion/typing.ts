import type { EditorView, ViewUpdate } from '@codemirror/view';
import { COMPLETER_ACTIVE_CLASS } from '@jupyterlab/codeeditor';
import type { CodeMirrorEditor } from '@jupyterlab/codemirror';
import type {
  Completer,
  CompletionHandler,
  ICompletionContext,
  ICompletionProvider
} from '@jupyterlab/completer';

import type { Fetch, ICompleters, IFilter } from './completers';
import { suggestions, withoutMagics } from './items';
import type { Place } from './trigger';
import { magicBefore, placeAt, wordBefore } from './trigger';

/** The providers by the identifiers that JupyterLab and jupyterlab-lsp give them. */
const KERNEL = 'CompletionProvider:kernel';
const CONTEXT = 'CompletionProvider:context';
const SERVER = 'lsp';
/** Quick typing asks once, not after every key, for servers answer one request after the other: in milliseconds. */
const AFTER_KEY = 80;
/** When a language server says that it is ready, it is told of the open documents: in milliseconds. */
const AFTER_READY = 250;
/** Where nothing was answered it is asked again after so long: a document may not have reached its server yet, in milliseconds. */
const AGAIN = [1000, 3000, 8000];
const MOVES = new Set(['ArrowDown', 'ArrowUp', 'PageDown', 'PageUp']);
/** Languages that are prose, or that have completers of their own; JupyterLab leaves them out too (`isHintableMimeType`). */
const PROSE = new Set([
  'application/json',
  'text/css',
  'text/html',
  'text/latex',
  'text/markdown',
  'text/plain',
  'text/x-ipythongfm',
  'text/x-rst'
]);

export interface ITypingOptions {
  completers: ICompleters;
  /** Whether completion pops up by itself. */
  enabled: () => boolean;
  /** Whether Enter takes the first item of such a popup too. */
  enterAccepts: () => boolean;
  /** Whether the language server of the document in `context` is up. */
  served: (context: ICompletionContext) => boolean;
  /** Whether a debugger is attached to the kernel with this id. */
  debugged: (kernel: string) => boolean;
}

/** A popup, or a request for one. */
interface IPopup {
  byTyping: boolean;
  /** All that was answered, before it is narrowed down. */
  items: Items;
}

type Items = CompletionHandler.ICompletionItem[];

/** Opens completers while the user types, and sees to it that no key changes what was typed. */
export class Typing implements IFilter {
  constructor(private readonly _options: ITypingOptions) {}

  /** To be told of every change in an editor. */
  readonly updated = (update: ViewUpdate): void => {
    if (update.focusChanged && !update.view.hasFocus) {
      this._blurred(update.view);
    }
    if (!update.docChanged) {
      return;
    }
    const typed = update.transactions.some(transaction =>
      transaction.isUserEvent('input.type')
    );
    this._cancel();
    const handler = this._handlerOf(update.view);
    if (handler) {
      this._passive(handler);
      this._refine(handler);
    }
    if (typed) {
      this._typed = { view: update.view, state: update.state };
      this._tries = 0;
      this._timer = window.setTimeout(this._attempt, AFTER_KEY);
    }
  };

  /** To be told of a language server that has become ready: what was typed before is completed now. */
  readonly serverReady = (): void => {
    window.clearTimeout(this._readyTimer);
    this._readyTimer = window.setTimeout(() => {
      const handler = this._typed && this._handlerOf(this._typed.view);
      if (handler && this._isUntouched() && this._isPassive(handler)) {
        // The kernel's answer alone.
        this._dismiss(handler);
      }
      this._tries = 0;
      this._attempt();
    }, AFTER_READY);
  };

  /** To be told of every key before anything else is. */
  readonly keydown = (event: KeyboardEvent): void => {
    if (event.isComposing) {
      return;
    }
    if (event.key === 'Escape') {
      this._cancel();
    }
    const handler = this._visible();
    if (!handler?.editor?.host.contains(event.target as Node)) {
      return;
    }
    const modified = event.altKey || event.ctrlKey || event.metaKey;
    const popup = this._popups.get(handler);
    if (!popup?.byTyping || modified) {
      return;
    }
    if (MOVES.has(event.key) || (event.key === 'Tab' && event.shiftKey)) {
      handler.editor.host.classList.add(COMPLETER_ACTIVE_CLASS);
    } else if (event.key === 'Tab' && !isInline(handler)) {
      event.preventDefault();
      event.stopImmediatePropagation();
      handler.completer.selectActive();
    }
  };

  ask(context: ICompletionContext, fetch: Fetch): Fetch {
    return async (request, trigger) => {
      const byTyping = this._opening;
      if (!byTyping) {
        // Asked for right after a letter: the popup is the user's, and no other takes its place.
        this._cancel();
      }
      const number = this._requests;
      const view = viewOf(context);
      const reply = await fetch(request, trigger);
      if (!reply && byTyping && number === this._requests) {
        this._again();
      }
      if (!reply || !view) {
        return reply;
      }
      const handler = this._handlerOf(view);
      // An editor that has lost the focus would get it back with the popup: a notebook in command mode would then take keys as text.
      if (!handler || !view.hasFocus) {
        return null;
      }
      const { state } = view;
      const magic = magicBefore(state, state.selection.main.head);
      const items = withoutMagics(reply.items, magic);
      const popup = { byTyping, items };
      const shown =
        byTyping && number !== this._requests
          ? []
          : this._shown(handler, popup);
      if (shown.length === 0) {
        return null;
      }
      this._watch(handler);
      this._popups.set(handler, popup);
      return { ...reply, items: shown };
    };
  }

  providers(
    context: ICompletionContext
  ): (applicable: ICompletionProvider[]) => ICompletionProvider[] {
    const byTyping = this._opening;
    const kernel = context.session?.kernel;
    const handler = this._handlerOf(viewOf(context));
    const place = handler ? this._placeIn(handler) : null;
    // Otherwise the debugger stops in the code of IPython's completer and shows that, instead of setting a breakpoint in the user's.
    const debugged = kernel ? this._options.debugged(kernel.id) : false;
    // A busy kernel answers when it is done, and a language server that starts when it is up: the popup would wait for JupyterLab's time-out.
    const served = this._options.served(context);
    const idle = kernel?.status === 'idle';
    return applicable =>
      applicable.filter(({ identifier }) => {
        switch (identifier) {
          case KERNEL:
            return !debugged && (idle || !served);
          case SERVER:
            return served && place !== 'magic';
          case CONTEXT:
            // Words of the text, whatever they belong to.
            return !byTyping || place === 'name';
          default:
            return true;
        }
      });
  }

  /** What `popup` shows for the text as it is now. */
  private _shown(handler: CompletionHandler, popup: IPopup): Items {
    if (!popup.byTyping) {
      return popup.items;
    }
    const place = this._placeIn(handler);
    const view = viewOf({ editor: handler.editor ?? null });
    return place === null || !view
      ? []
      : suggestions(
          popup.items,
          wordBefore(view.state, view.state.selection.main.head),
          place
        );
  }

  /** JupyterLab goes on showing whatever has the letters somewhere in this order: `pardir` for `pr`. */
  private _refine(handler: CompletionHandler): void {
    const popup = this._popups.get(handler);
    if (!popup || !this._isPassive(handler)) {
      return;
    }
    const shown = this._shown(handler, popup);
    if (shown.length === 0) {
      this._dismiss(handler);
    } else {
      handler.completer.model?.setCompletionItems(shown);
    }
  }

  private readonly _attempt = (): void => {
    const handler = this._typed && this._handlerOf(this._typed.view);
    if (!this._isUntouched()) {
      return;
    }
    if (handler && this._options.enabled()) {
      this._open(handler);
    } else {
      this._again();
    }
  };

  private _again(): void {
    const delay = AGAIN[this._tries];
    this._tries += 1;
    if (delay !== undefined) {
      window.clearTimeout(this._timer);
      this._timer = window.setTimeout(this._attempt, delay);
    }
  }

  private _open(handler: CompletionHandler): void {
    const { completer } = handler;
    if (completer.isVisible || this._placeIn(handler) === null) {
      return;
    }
    // A session without a popup would refuse the next (`CompletionHandler.onInvokeRequest`): an answer of which nothing fits leaves one.
    completer.reset();
    this._opening = true;
    try {
      handler.invoke();
    } finally {
      this._opening = false;
    }
  }

  private _placeIn({ editor }: CompletionHandler): Place | null {
    const view = viewOf({ editor: editor ?? null });
    if (!editor || !view?.hasFocus || PROSE.has(editor.model.mimeType)) {
      return null;
    }
    const { main } = view.state.selection;
    return main.empty
      ? placeAt(view.state, main.head, {
          ipython: editor.model.mimeType === 'text/x-ipython'
        })
      : null;
  }

  /** Forget what was going to be shown. */
  private _cancel(): void {
    window.clearTimeout(this._timer);
    this._typed = null;
    this._requests += 1;
  }

  private _isUntouched(): boolean {
    if (!this._typed) {
      return false;
    }
    const { view, state } = this._typed;
    return (
      view.state.doc.eq(state.doc) && view.state.selection.eq(state.selection)
    );
  }

  private _blurred(view: EditorView): void {
    const handler = this._handlerOf(view);
    if (document.hasFocus() && handler?.completer.isVisible) {
      this._dismiss(handler);
    }
  }

  /** Close the popup where it stands: `Completer.reset` alone gives the editor the focus back (`CompletionHandler.onVisibilityChanged`). */
  private _dismiss({ completer, editor }: CompletionHandler): void {
    completer.hide();
    completer.reset();
    editor?.host.classList.remove(COMPLETER_ACTIVE_CLASS);
  }

  private _watch({ completer }: CompletionHandler): void {
    if (!this._watched.has(completer)) {
      this._watched.add(completer);
      completer.visibilityChanged.connect(this._visibilityChanged);
    }
  }

  private readonly _visibilityChanged = (completer: Completer): void => {
    for (const handler of this._options.completers._panelHandlers.values()) {
      if (handler.completer === completer) {
        this._passive(handler);
      }
    }
  };

  /**
   * Leave Enter to the editor until the user has moved in the list.
   *
   * JupyterLab's editors make no new line while they have the class (`StateCommands.completerOrInsertNewLine`), and it is what binds Enter to
   * the popup (`completer:select-notebook`, `…-console`, `…-file`).
   */
  private _passive(handler: CompletionHandler): void {
    if (this._isPassive(handler) && !this._options.enterAccepts()) {
      handler.editor?.host.classList.remove(COMPLETER_ACTIVE_CLASS);
    }
  }

  private _isPassive(handler: CompletionHandler): boolean {
    return (
      handler.completer.isVisible &&
      this._popups.get(handler)?.byTyping === true
    );
  }

  private _visible(): CompletionHandler | undefined {
    const { _panelHandlers } = this._options.completers;
    return [..._panelHandlers.values()].find(
      ({ completer }) => completer.isVisible
    );
  }

  private _handlerOf(view: EditorView | null): CompletionHandler | undefined {
    const { _panelHandlers } = this._options.completers;
    return [..._panelHandlers.values()].find(
      ({ editor }) =>
        view !== null && viewOf({ editor: editor ?? null }) === view
    );
  }

  private readonly _popups = new WeakMap<CompletionHandler, IPopup>();
  private readonly _watched = new WeakSet<Completer>();
  private _opening = false;
  private _requests = 0;
  private _tries = 0;
  private _timer = 0;
  private _readyTimer = 0;
  private _typed: (Pick<EditorView, 'state'> & { view: EditorView }) | null =
    null;
}

function viewOf({
  editor
}: Pick<ICompletionContext, 'editor'>): EditorView | null {
  return (editor as CodeMirrorEditor | null | undefined)?.editor ?? null;
}

function isInline({ inlineCompleter }: CompletionHandler): boolean {
  return inlineCompleter?.isActive === true;
}
