import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { TranslationBundle } from '@jupyterlab/translation';

import { SAMPLES } from './model';
import type { IConnectionState, IFinding } from './tokens';

/**
 * What the state is called, without figures: read out when it changes. Empty
 * where there is nothing to show.
 */
export function word(
  { link, secure }: IConnectionState,
  trans: TranslationBundle
): string {
  switch (link) {
    case 'unknown':
    case 'absent':
      return '';
    case 'down':
      return trans.__('Disconnected');
    case 'signed-out':
      return trans.__('Signed out');
    case 'up':
      return secure === null
        ? trans.__('Connected')
        : secure
          ? trans.__('Secure')
          : trans.__('Not secure');
  }
}

/** What the status bar shows. */
export function label(
  state: IConnectionState,
  trans: TranslationBundle
): string {
  return state.link === 'up' && state.roundTrip !== null
    ? trans.__('%1 · %2 ms', word(state, trans), whole(state.roundTrip))
    : word(state, trans);
}

/** What the item tells when it is pointed at, a line each. */
export function details(
  state: IConnectionState,
  trans: TranslationBundle
): string {
  if (state.link === 'down') {
    return trans.__(
      'The server does not answer. Trying again; running kernels are not affected.'
    );
  }
  if (state.link === 'signed-out') {
    return trans.__(
      'Your session has ended. Reload the page to sign in again.'
    );
  }
  return [
    ...(state.roundTrip === null
      ? []
      : [
          trans.__(
            'Round trip: %1 ms (median of the last %2)',
            whole(state.roundTrip),
            SAMPLES
          )
        ]),
    ...(state.findings.length === 0 && state.secure !== null
      ? [trans.__('No problems found.')]
      : state.findings.flatMap(finding => lines(finding, trans)))
  ].join('\n');
}

/** What a page that came over plain HTTP has to say about itself. */
export function plainHttp(trans: TranslationBundle): IFinding {
  return {
    code: 'plain-http',
    severity: 'warn',
    message: trans.__(
      'This page was loaded over plain HTTP: anyone along the way can read and change what passes.'
    ),
    fix: trans.__('Open it with https://, or through an SSH tunnel.')
  };
}

/**
 * The settings' words. jupyterlab_server takes those of a schema from language
 * packs only, not from an extension's own catalogue (translation_utils.py,
 * TranslationBundle.update_locale), so the page translates them itself.
 */
export function translateSchema(
  schema: ISettingRegistry.ISchema,
  trans: TranslationBundle
): ISettingRegistry.ISchema {
  const { pollInterval, showItem } = schema.properties ?? {};
  return {
    ...schema,
    title: trans.__('Remote connection'),
    description: trans.__('How safe and how quick the way to the server is.'),
    properties: {
      ...schema.properties,
      pollInterval: {
        ...pollInterval,
        title: trans.__('Interval'),
        description: trans.__(
          'Seconds between two looks at the connection, at least 2.'
        )
      },
      showItem: {
        ...showItem,
        title: trans.__('Show in the status bar'),
        description: trans.__(
          'Whether the status bar shows the connection. Nothing is measured while it does not.'
        )
      }
    }
  };
}

function lines(finding: IFinding, trans: TranslationBundle): string[] {
  const { severity, message, fix } = finding;
  const sentence =
    severity === 'info'
      ? trans.__('Note: %1', message)
      : severity === 'warn'
        ? trans.__('Warning: %1', message)
        : trans.__('Refused by policy: %1', message);
  return fix === null ? [sentence] : [sentence, trans.__('Fix: %1', fix)];
}

/** Under a millisecond still is a round trip. */
function whole(milliseconds: number): number {
  return Math.max(1, Math.round(milliseconds));
}
