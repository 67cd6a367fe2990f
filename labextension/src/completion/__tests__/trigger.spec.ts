import { python } from '@codemirror/lang-python';
import { EditorState } from '@codemirror/state';

import type { Place } from '../trigger';
import { magicBefore, placeAt, wordBefore } from '../trigger';

/** The state of an editor with `text`, in which `|` stands for the cursor, at the end where there is none. */
function at(text: string): { state: EditorState; position: number } {
  const position = text.includes('|') ? text.indexOf('|') : text.length;
  const doc = text.slice(0, position) + text.slice(position + 1);
  return {
    state: EditorState.create({ doc, extensions: [python()] }),
    position
  };
}

function place(text: string, ipython = false): Place | null {
  const { state, position } = at(text);
  return placeAt(state, position, { ipython });
}

describe('a line of data', () => {
  it('is looked at no longer than a key may take', () => {
    const { state, position } = at(`x = "${'deadbeef'.repeat(20000)}".u`);
    const begun = performance.now();
    expect(placeAt(state, position, { ipython: true })).toBeNull();
    expect(performance.now() - begun).toBeLessThan(1000);
  });
});

describe('a popup opens by itself', () => {
  it.each([
    'a',
    '_',
    '_private',
    'x1',
    'x_1',
    'x = fo',
    'print(fo',
    '[fo',
    '{fo',
    '{"a": fo',
    'a+fo',
    'a, fo',
    'not fo',
    'x[fo',
    'x[1:fo',
    '-fo',
    '~fo',
    '*fo',
    '**fo',
    '@deco',
    'lambda: fo',
    'lambda x: x + fo',
    'def f(a=fo',
    'def f(a: in',
    'def f() -> in',
    'class A(Ba',
    'x: in',
    'if fo',
    'for x in fo',
    '[i for i in fo',
    'if (n := fo',
    'match fo',
    'case Po',
    'await fo',
    'return fo',
    'import fo',
    'import os, fo',
    'from fo',
    'from os import fo',
    'from .pk',
    'from ..pk',
    'from . import fo',
    'except Va',
    'raise Va',
    'with op',
    'global cou',
    '数据',
    '数',
    'x = 数',
    'größ',
    'é',
    'f"{fo',
    'f"{x} {fo',
    "f'{fo",
    'f"""\n{fo',
    'rf"{fo',
    'f"{a + fo',
    'f"{d[fo',
    'print(fo|)',
    'fo|]',
    'fo| + 1',
    '"a" + fo',
    '"""doc"""\nfo',
    "x = 'a'\nfo",
    '# note\nfo',
    'x = 1 # note\nfo'
  ])('after a name: %j', text => {
    expect(place(text)).toBe('name');
  });

  it.each([
    'os.',
    'os.pa',
    'a.b.',
    'a.b.c',
    'x1.',
    'f().',
    'f().a',
    'x[0].',
    'x[0].a',
    '{}.it',
    '[].',
    '"a".',
    '"a".up',
    "'a'.",
    'f"{x}".up',
    '(1).',
    '(1).re',
    '"""a""".',
    'self.x',
    'print(self.',
    'f"{self.',
    'f"{self.na',
    '数据.',
    '数据.长',
    'x = (\n  df\n  .he',
    'a .b',
    '@app.',
    'x: np.nd',
    'Point().no|)',
    'os.|)'
  ])('after an attribute or its dot: %j', text => {
    expect(place(text)).toBe('attribute');
  });

  it.each(['open("data/fo', "open('./fo", 'p = "/etc/ho', "read('../a/b"])(
    'after a path: %j',
    text => {
      expect(place(text)).toBe('path');
    }
  );

  it.each(['%ti', '  %ti', 'x = 1\n%ti', '%%ti', '\n%%ti'])(
    'after a magic: %j',
    text => {
      expect(place(text, true)).toBe('magic');
    }
  );

  it.each(['%timeit np.so', '%time fo', '%%time\nfo', '%%timeit\nos.pa'])(
    'in the code of a magic: %j',
    text => {
      expect(place(text, true)).not.toBeNull();
    }
  );
});

describe('no popup opens by itself', () => {
  it.each([
    '',
    ' ',
    'if True:',
    'x = [',
    'x = {',
    'f(',
    'def f(a,',
    'def f(a, ',
    'a = ',
    'a =',
    'a ==',
    'a <',
    'a >',
    'a +',
    'a -',
    'a *',
    'a /',
    'a %',
    'a @',
    'a |',
    'a &',
    'a ^',
    '~',
    'a[1:',
    'a ->',
    'a;',
    'x)',
    'x]',
    'x}',
    '"a"',
    "'a'",
    'a\\',
    '!',
    '?',
    '@',
    'os. ',
    'a\n',
    'a:\n    '
  ])('after %j', text => {
    expect(place(text)).toBeNull();
    expect(place(text, true)).toBeNull();
  });

  it.each([
    '3',
    '3.',
    '3.1',
    '3.1e',
    '3.e',
    '3.e5',
    '.5',
    '.',
    '..',
    '...',
    '1e',
    '1e-',
    '1e-3',
    'lr = 1e-',
    '0x',
    '0xff',
    '0b',
    '0o1',
    '1_000',
    '1_000.',
    '1_000.5',
    '3j',
    '2.j',
    '1.0.',
    'x = 3.',
    '(3.',
    'a[1.',
    '-3.',
    '1/3.',
    '3.a'
  ])('in a number: %j', text => {
    expect(place(text)).toBeNull();
  });

  it.each([
    '# fo',
    '#fo',
    '# os.pa',
    'x = 1  # fo',
    '# 中文',
    'def f():  # os.',
    '#%% ce',
    '"fo',
    "'fo",
    '"os.pa',
    'x = "fo',
    'x = "fo|"',
    '"""fo',
    '"""doc\nfo',
    "'''\nos.pa",
    'f"fo',
    'f"{x} fo',
    'f"{{fo',
    'f"{x:fo',
    'f"{x:.2f',
    'f"{x!r',
    'rb"fo',
    'r"\\fo',
    "d['ke",
    'f"{d[\'ke',
    '"中文',
    '"a: b/ fo',
    '"http://a.b/c'
  ])('in a comment or a string: %j', text => {
    expect(place(text)).toBeNull();
  });

  it.each([
    'def fo',
    'class Fo',
    'import numpy as n',
    'with a as f',
    '    def fo'
  ])('for a new name: %j', text => {
    expect(place(text)).toBeNull();
  });

  it.each(['fo|o', 'os.|path', 'os.pa|th', 'x|1', '数|据'])(
    'inside a word: %j',
    text => {
      expect(place(text)).toBeNull();
    }
  );

  it.each([
    '%',
    '%%',
    'x = 1\n%%ti',
    'a %ti|_',
    '!ls',
    '!ls fo',
    '  !pip in',
    '%cd da',
    '%load_ext au',
    '%%bash\nec',
    '%%html\n<a',
    '%%writefile a.py\nfo',
    '?pri'
  ])('in what IPython does not run as Python: %j', text => {
    expect(place(text, true)).toBeNull();
  });
});

describe('the word before the cursor', () => {
  it.each([
    ['fo', 'fo'],
    ['os.pa', 'pa'],
    ['os.', ''],
    ['x = 数据', '数据'],
    ['a b_1', 'b_1'],
    ['a\n', '']
  ])('%j: %j', (text, word) => {
    const { state, position } = at(text);
    expect(wordBefore(state, position)).toBe(word);
  });
});

describe('the magics that fit', () => {
  it.each([
    ['%', '%%'],
    ['%%ti', '%%'],
    ['  %ti', '%%'],
    ['\n\n%ti', '%%'],
    ['a\n%ti', '%'],
    ['a\n%%ti', null],
    ['a', null],
    ['a %', null],
    ['x = %ti', null],
    ['f(a,', null],
    ['', null]
  ])('behind %j: %j', (text, magic) => {
    const { state, position } = at(text);
    expect(magicBefore(state, position)).toBe(magic);
  });
});
