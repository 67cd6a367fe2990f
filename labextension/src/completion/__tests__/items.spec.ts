import { suggestions, withoutMagics } from '../items';

const labels = (items: { label: string }[]): string[] =>
  items.map(({ label }) => label);

function item<T extends object>(label: string, more: T): T & { label: string } {
  return { ...more, label };
}

function items(...names: string[]): { label: string }[] {
  return names.map(label => ({ label }));
}

describe('the items of a popup', () => {
  const mixed = items('abs', '%alias', '%%!', 'all');

  it.each([
    [null, ['abs', 'all']],
    ['%' as const, ['abs', '%alias', 'all']],
    ['%%' as const, ['abs', '%alias', '%%!', 'all']]
  ])('have magics where there may be %j', (magic, left) => {
    expect(labels(withoutMagics(mixed, magic))).toEqual(left);
  });

  it('go on with what was typed', () => {
    const all = items('pardir', 'path', 'pathsep', 'PATH');
    expect(labels(suggestions(all, 'pat', 'attribute'))).toEqual([
      'path',
      'pathsep'
    ]);
  });

  it('may repeat the object, as kernels do', () => {
    const all = items('os.path', 'os.pardir');
    expect(labels(suggestions(all, 'pat', 'attribute'))).toEqual(['os.path']);
  });

  it.each([[['print']], [['import', 'import ']]])(
    'are none where they add nothing: %j',
    names => {
      expect(suggestions(items(...names), names[0] ?? '', 'name')).toEqual([]);
    }
  );

  it('keep the word itself beside others', () => {
    const all = items('path', 'pathsep');
    expect(suggestions(all, 'path', 'attribute')).toEqual(all);
  });

  it('go by what is inserted', () => {
    const call = item('path(a, b)', { insertText: 'path' });
    expect(suggestions([call], 'pa', 'name')).toEqual([call]);
  });

  it('are magics for a magic', () => {
    expect(labels(suggestions(mixed, 'a', 'magic'))).toEqual(['%alias', '%%!']);
  });

  it('are files for a path', () => {
    const file = item('data/a.csv', { type: 'path' });
    const module = item('data', { type: 'module' });
    const served = item('data/b', { self: { type: 'File' } });
    expect(suggestions([file, module, served], 'a', 'path')).toEqual([
      file,
      served
    ]);
  });
});
