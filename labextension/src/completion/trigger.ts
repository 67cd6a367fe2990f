import { ensureSyntaxTree, syntaxTree } from '@codemirror/language';
import type { EditorState } from '@codemirror/state';

/** What the character before the cursor belongs to, where a popup may open by itself. */
export type Place = 'name' | 'attribute' | 'path' | 'magic';

export interface ITriggerOptions {
  /** IPython's magics and shell lines are part of the language. */
  ipython: boolean;
}

/** How long parsing may take before the tree as far as it goes is used, in milliseconds. */
const PARSING = 25;
/** The most characters before the cursor: the time of `WORD` grows with the square of a word's length, to seconds for 20,000 digits. */
const LONGEST_LINE = 1000;
const WORD = /[\p{L}\p{M}\p{N}\p{Pc}]+$/u;
const WORD_CHARACTER = /^[\p{L}\p{M}\p{N}\p{Pc}]/u;
const MAGIC = /^\s*(%%?)\p{L}[\p{L}\p{N}_]*$/u;
/** Line magics whose argument is Python (IPython.core.magics.execution). */
const CODE_MAGIC = /^\s*%(?:time|timeit|prun|memit|mprun|lprun)\s/;
/** Cell magics whose cell is Python. */
const CODE_CELL_MAGIC =
  /^\s*%%(?:capture|debug|memit|prun|python3?|pypy|time|timeit)\b/;
/** A name that is about to be introduced: there is nothing to complete it with. */
const NEW_NAME = /(?:^|\s)(?:as|class|def)\s+$/;

/** The word before `position` on its line, empty where there is none. */
export function wordBefore(state: EditorState, position: number): string {
  return WORD.exec(textBefore(state, position))?.[0] ?? '';
}

/**
 * Where the cursor stands, if completion may pop up there without being asked for, else null.
 *
 * After a letter, a digit or `_` of an identifier, and after the dot of an attribute; not in a number, a comment or a string, nor after
 * anything else. The replacement fields of an f-string are code, a string with a `/` may be a path.
 */
export function placeAt(
  state: EditorState,
  position: number,
  options: ITriggerOptions
): Place | null {
  if (WORD_CHARACTER.test(state.sliceDoc(position, position + 1))) {
    return null;
  }
  const before = textBefore(state, position);
  if (before.length > LONGEST_LINE) {
    return null;
  }
  if (options.ipython) {
    const magic = MAGIC.exec(before);
    if (magic) {
      return magic[1] === '%' || isFirstLine(state, position) ? 'magic' : null;
    }
    if (isOtherLanguage(state, before)) {
      return null;
    }
  }
  switch (surroundings(state, position)) {
    case 'text':
      return null;
    case 'string':
      return isPath(before) ? 'path' : null;
    case 'code':
      return placeInCode(before);
  }
}

/** Whether nothing stands above the line of `position`: a cell magic is one there only. */
export function isFirstLine(state: EditorState, position: number): boolean {
  return state.sliceDoc(0, state.doc.lineAt(position).from).trim() === '';
}

/** Whether the cursor stands behind a magic that is being typed, such as `%ti`; cell magics on the first line only. */
export function magicBefore(
  state: EditorState,
  position: number
): '%' | '%%' | null {
  const found = /^\s*(%%?)[\p{L}\p{N}_]*$/u.exec(textBefore(state, position));
  if (!found) {
    return null;
  }
  return isFirstLine(state, position) ? '%%' : found[1] === '%' ? '%' : null;
}

function textBefore(state: EditorState, position: number): string {
  return state.sliceDoc(state.doc.lineAt(position).from, position);
}

function placeInCode(before: string): Place | null {
  const word = WORD.exec(before)?.[0] ?? '';
  const rest = before.slice(0, before.length - word.length);
  if (!isWord(word) && word !== '') {
    return null;
  }
  if (rest.endsWith('.')) {
    return placeAfterDot(rest, word);
  }
  return word === '' || NEW_NAME.test(rest) ? null : 'name';
}

function placeAfterDot(rest: string, word: string): Place | null {
  const owner = rest.slice(0, -1).trimEnd();
  if (/(?:^|\s)(?:from)\s*\.*$/.test(owner)) {
    // `from .name`, `from ..name`: dots of a relative import.
    return word === '' ? null : 'name';
  }
  if (owner === '') {
    // A chain of calls that goes on in the next line; a dot alone may as well begin the number `.5`.
    return word === '' ? null : 'attribute';
  }
  const before = WORD.exec(owner)?.[0];
  return before === undefined
    ? /[)\]}"'`]$/.test(owner)
      ? 'attribute'
      : null
    : isWord(before)
      ? 'attribute'
      : null;
}

/** Whether `word` is an identifier, not a number such as `1e`, `0x` or `1_000`. */
function isWord(word: string): boolean {
  return /^[\p{L}\p{Pc}]/u.test(word);
}

function isPath(before: string): boolean {
  const start = Math.max(before.lastIndexOf('"'), before.lastIndexOf("'"));
  return /^[^\s:*?<>|]*\/[^\s:*?<>|]*[^\s:*?<>|/]$/.test(
    before.slice(start + 1)
  );
}

function isOtherLanguage(state: EditorState, before: string): boolean {
  if (/^\s*[!?]/.test(before)) {
    return true;
  }
  if (/^\s*%/.test(before) && !CODE_MAGIC.test(before)) {
    return true;
  }
  const top = state.doc.sliceString(0, 200).trimStart();
  return top.startsWith('%%') && !CODE_CELL_MAGIC.test(top);
}

/** By the names of the nodes around the cursor, which the grammars of Lezer and those of CodeMirror 5 have in common. */
function surroundings(
  state: EditorState,
  position: number
): 'code' | 'string' | 'text' {
  const tree = ensureSyntaxTree(state, position, PARSING) ?? syntaxTree(state);
  for (
    let node: ReturnType<typeof tree.resolveInner> | null = tree.resolveInner(
      position,
      -1
    );
    node !== null;
    node = node.parent
  ) {
    const { name } = node;
    if (/comment/i.test(name) || /^Format(?:Spec|Conversion)$/.test(name)) {
      return 'text';
    }
    if (/^(?:FormatReplacement|Interpolation)$/.test(name)) {
      return 'code';
    }
    if (/regexp?|regular/i.test(name)) {
      return 'text';
    }
    if (/string|^char/i.test(name)) {
      return 'string';
    }
  }
  return 'code';
}
