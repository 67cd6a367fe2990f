import type { TranslationBundle } from '@jupyterlab/translation';
import type { LabIcon } from '@jupyterlab/ui-components';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import type { JSX } from 'react';

import {
  connectedIcon,
  disconnectedIcon,
  insecureIcon,
  secureIcon
} from './icons';
import type { IConnection, IConnectionState } from './tokens';
import { details, label, word } from './words';

/** The connection in the status bar. */
export class ConnectionItem extends ReactWidget {
  constructor(
    private readonly _connection: IConnection,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-RemoteKit-Connection');
  }

  protected override render(): JSX.Element {
    return (
      <UseSignal signal={this._connection.changed}>
        {() => (
          <Connection state={this._connection.state} trans={this._trans} />
        )}
      </UseSignal>
    );
  }
}

interface IConnectionProps {
  readonly state: IConnectionState;
  readonly trans: TranslationBundle;
}

/**
 * Only the word sits in a live region: a screen reader tells that the
 * connection was lost, not each new millisecond.
 */
function Connection({ state, trans }: IConnectionProps): JSX.Element {
  const shown = label(state, trans);
  const told = details(state, trans);
  const Icon = iconOf(state);
  return (
    <div
      className="jp-RemoteKit-Connection-body"
      role="group"
      tabIndex={0}
      aria-label={trans.__('Connection: %1', shown)}
      aria-description={told}
      title={told}
    >
      <Icon.react tag="span" aria-hidden={true} stylesheet="statusBar" />
      <span className="jp-StatusBar-TextItem" aria-hidden={true}>
        {shown}
      </span>
      <span className="jp-RemoteKit-Connection-word" role="status">
        {word(state, trans)}
      </span>
    </div>
  );
}

function iconOf({ link, secure }: IConnectionState): LabIcon {
  if (link === 'down' || link === 'signed-out') {
    return disconnectedIcon;
  }
  if (secure === null) {
    return connectedIcon;
  }
  return secure ? secureIcon : insecureIcon;
}
