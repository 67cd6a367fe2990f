import { nullTranslator } from '@jupyterlab/translation';

import schema from '../../../schema/completion.json';
import { translateSchema } from '../words';

it('translates the settings as the schema has them', () => {
  const trans = nullTranslator.load('jupyter_remote_kit');
  expect(translateSchema(schema as never, trans)).toEqual(schema);
});
