import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';

/** How grave a finding is, in the words of the server's policy. */
export type Severity = 'refuse' | 'warn' | 'info';

/** Something that the policy has to say about how this server is exposed. */
export interface IFinding {
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  readonly fix: string | null;
}

/**
 * What is known of the way to the server.
 *
 * - `unknown`: not asked yet.
 * - `absent`: the server runs without our extension.
 * - `up`: it answers.
 * - `down`: it does not answer.
 * - `signed-out`: it answers, but no longer to this session.
 */
export type Link = 'unknown' | 'absent' | 'up' | 'down' | 'signed-out';

export interface IConnectionState {
  readonly link: Link;

  /** Median of the recent round trips in milliseconds; null without any. */
  readonly roundTrip: number | null;

  /**
   * Whether the way is safe from end to end; null while the server has not
   * told how it is exposed.
   */
  readonly secure: boolean | null;

  readonly findings: readonly IFinding[];
}

/** Read-only view of the connection, for other plugins. */
export interface IConnection {
  readonly state: IConnectionState;
  readonly changed: ISignal<IConnection, void>;
}

export const IConnection = new Token<IConnection>(
  'jupyter-remote-kit:IConnection',
  'The state of the connection between this page and its Jupyter server.'
);
