import type {
  ICompletionContext,
  ICompletionProvider,
  ICompletionProviderManager
} from '@jupyterlab/completer';
import { CompletionProviderManager } from '@jupyterlab/completer';

import type { ICompleters, IFilter } from '../completers';
import { filterCompleters, hasCompleters } from '../completers';

const REQUEST = { offset: 0, text: '' };
const context = {} as ICompletionContext;

function provider(identifier: string): ICompletionProvider {
  const items = [{ label: identifier }];
  return {
    identifier,
    renderer: null,
    isApplicable: () => Promise.resolve(true),
    fetch: () => Promise.resolve({ start: 0, end: 0, items })
  };
}

describe("the completers of JupyterLab's manager", () => {
  let manager: ICompleters;

  beforeEach(() => {
    const made = new CompletionProviderManager();
    made.registerProvider(provider('kernel'));
    made.registerProvider(provider('server'));
    made.activateProvider(['kernel', 'server']);
    made.setTimeout(1000);
    manager = made as unknown as ICompleters;
  });

  async function answer(filter: IFilter): Promise<string[]> {
    filterCompleters(manager, filter);
    const reconciliator = await manager.generateReconciliator(context);
    const reply = await reconciliator.fetch(REQUEST);
    return (reply?.items ?? []).map(({ label }) => label);
  }

  it('can be filtered', () => {
    expect(hasCompleters(manager)).toBe(true);
  });

  it('cannot where there is only the interface', () => {
    expect(hasCompleters({} as ICompletionProviderManager)).toBe(false);
  });

  it('ask the providers that are wanted', async () => {
    const asked = await answer({
      ask: (_, fetch) => fetch,
      providers: () => applicable =>
        applicable.filter(({ identifier }) => identifier === 'server')
    });
    expect(asked).toEqual(['server']);
  });

  it('show what is left of the answer', async () => {
    const shown = await answer({
      ask: (_, fetch) => async request => {
        const reply = await fetch(request);
        return reply && { ...reply, items: reply.items.slice(0, 1) };
      },
      providers: () => applicable => applicable
    });
    expect(shown).toEqual(['kernel']);
  });

  it('do not wait before they follow the text', async () => {
    filterCompleters(manager, {
      ask: (_, fetch) => fetch,
      providers: () => applicable => applicable
    });
    const reconciliator = await manager.generateReconciliator(context);
    expect('shouldShowContinuousHint' in reconciliator).toBe(false);
  });
});
