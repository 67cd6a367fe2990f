import { readdirSync, readFileSync } from 'fs';
import { join } from 'path';
import * as ts from 'typescript';

import catalogue from '../../../jupyter_remote_kit/locale/zh_CN/LC_MESSAGES/jupyter_remote_kit.json';

/** The sentences that the sources hand to `trans.__`. */
function sentences(): string[] {
  const found: string[] = [];
  const root = join(__dirname, '..');
  for (const name of readdirSync(root, { recursive: true }) as string[]) {
    if (/\.tsx?$/.test(name) && !name.includes('__tests__')) {
      const path = join(root, name);
      const source = ts.createSourceFile(
        path,
        readFileSync(path, 'utf8'),
        ts.ScriptTarget.Latest,
        true
      );
      collect(source, found);
    }
  }
  return found;
}

function collect(node: ts.Node, found: string[]): void {
  if (
    ts.isCallExpression(node) &&
    ts.isPropertyAccessExpression(node.expression) &&
    node.expression.name.text === '__'
  ) {
    const [first] = node.arguments;
    expect(first && ts.isStringLiteral(first)).toBe(true);
    found.push((first as ts.StringLiteral).text);
  }
  ts.forEachChild(node, child => {
    collect(child, found);
  });
}

function placeholders(sentence: string): string[] {
  return [...(sentence.match(/%\d/g) ?? [])].sort();
}

describe('the Chinese catalogue', () => {
  const translated = Object.entries(catalogue).filter(([key]) => key !== '');

  it('has every sentence of the page, and no others', () => {
    expect(translated.map(([key]) => key).sort()).toEqual(
      [...new Set(sentences())].sort()
    );
  });

  it.each(translated)('keeps the placeholders of %j', (key, value) => {
    const [sentence] = value as string[];
    expect(sentence).not.toBe('');
    expect(placeholders(sentence ?? '')).toEqual(placeholders(key));
  });
});
