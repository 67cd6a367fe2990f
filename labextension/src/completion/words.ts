import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { TranslationBundle } from '@jupyterlab/translation';

/** The schema of the settings in the user's language, as `schema/completion.json` has it in English. */
export function translateSchema(
  schema: ISettingRegistry.ISchema,
  trans: TranslationBundle
): ISettingRegistry.ISchema {
  const { enterAccepts } = schema.properties ?? {};
  return {
    ...schema,
    title: trans.__('Completion while typing'),
    description: trans.__(
      'Which keys take a suggestion. Whether suggestions appear by themselves is set by "Enable autocompletion" under "Code Completion".'
    ),
    properties: {
      ...schema.properties,
      enterAccepts: {
        ...enterAccepts,
        title: trans.__('Enter takes the suggestion'),
        description: trans.__(
          'Whether Enter takes the first suggestion of a popup that opened by itself. Otherwise Enter makes a new line until an arrow key has been pressed; Tab always takes the suggestion.'
        )
      }
    }
  };
}
