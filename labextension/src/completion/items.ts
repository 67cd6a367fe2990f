import type { CompletionHandler } from '@jupyterlab/completer';

import type { Place } from './trigger';

interface IItem extends CompletionHandler.ICompletionItem {
  /** The original of jupyterlab-lsp's items, whose `type` JupyterLab's copy lacks (jupyterlab-lsp 5.3, `item.ts`). */
  self?: { type?: string };
}

/**
 * The items without IPython's magics, but for those that `magic` allows.
 *
 * IPython offers magics for every word and for none (`IPCompleter.magic_matcher`): `%alias` after `a`, `%%!` after `f(a,`.
 */
export function withoutMagics<T extends IItem>(
  items: readonly T[],
  magic: '%' | '%%' | null
): T[] {
  return items.filter(({ label }) =>
    label.startsWith('%%')
      ? magic === '%%'
      : !label.startsWith('%') || magic !== null
  );
}

/** The items of a popup that opens by itself: those that go on with `word`, and only where there is something to go on with. */
export function suggestions<T extends IItem>(
  items: readonly T[],
  word: string,
  place: Place
): T[] {
  switch (place) {
    case 'magic':
      return items.filter(({ label }) => label.startsWith('%'));
    case 'path':
      return items.filter(item =>
        /^(?:file|folder|path)$/i.test(item.self?.type ?? item.type ?? '')
      );
    case 'name':
    case 'attribute': {
      const matching = items.filter(item => text(item).startsWith(word));
      return matching.every(item => text(item) === word) ? [] : matching;
    }
  }
}

/** What is inserted, without the object in front of an attribute, which some kernels repeat. */
function text({ insertText, label }: IItem): string {
  const inserted = (insertText ?? label).trimEnd();
  return inserted.slice(inserted.lastIndexOf('.') + 1);
}
