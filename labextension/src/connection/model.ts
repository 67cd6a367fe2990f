import type { ServerConnection } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { Signal } from '@lumino/signaling';
import type { ISignal } from '@lumino/signaling';

import { request, RequestError } from '../request';
import type { IPosture, Origin } from './posture';
import { isTrustworthy, parseHealth, parsePosture } from './posture';
import type { IConnection, IConnectionState, IFinding, Link } from './tokens';

/** Round trips that the median is taken of. */
export const SAMPLES = 5;

/** Round trips at once, when there are none yet. */
const FIRST_SAMPLES = 3;

/** Milliseconds for which the server's posture counts as fresh. */
const POSTURE_AGE = 30_000;

/** Longest pause in milliseconds between two tries of a server that is down. */
const LONGEST_PAUSE = 60_000;

/** Follows the way between this page and the server. */
export class ConnectionModel implements IConnection, IDisposable {
  constructor(private readonly _options: ConnectionModel.IOptions) {
    this._poll = new Poll({
      auto: false,
      name: 'jupyter-remote-kit:connection',
      factory: () => this._look(),
      frequency: frequency(_options.interval),
      standby: 'when-hidden'
    });
  }

  get state(): IConnectionState {
    return this._state;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  /** Seconds between two looks at a server that answers. */
  set interval(seconds: number) {
    this._poll.frequency = frequency(seconds);
  }

  /** Whether the connection is watched at all; it is not at first. */
  get watching(): boolean {
    return this._watching;
  }

  set watching(watching: boolean) {
    if (this._watching === watching) {
      return;
    }
    this._watching = watching;
    void (watching ? this._poll.start() : this._poll.stop());
    this._changed.emit();
  }

  /** Looks now, and resolves when the state tells what was seen. */
  async refresh(): Promise<void> {
    if (this._watching && this._state.link !== 'absent') {
      await this._poll.refresh();
      await this._poll.tick;
    }
  }

  dispose(): void {
    this._poll.dispose();
    Signal.clearData(this);
  }

  /** A rejection makes the poll back off. */
  private async _look(): Promise<void> {
    try {
      await this._measure();
    } catch (error) {
      this._lose(error);
      if (this._state.link === 'absent') {
        void this._poll.stop();
        return;
      }
      throw error;
    }
    if (this._postureIsDue()) {
      await this._askPosture();
    } else {
      this._tell(this._state.link === 'signed-out' ? 'signed-out' : 'up');
    }
  }

  /**
   * A first request may open the connection, TLS handshake included: what it
   * takes is no round trip. And a page that has only just come is busy: one
   * round trip alone would tell how busy.
   */
  private async _measure(): Promise<void> {
    const trips = this._samples.length === 0 ? FIRST_SAMPLES : 1;
    if (this._samples.length === 0) {
      await this._greet();
    }
    for (let trip = 0; trip < trips; trip++) {
      const started = performance.now();
      await this._greet();
      this._samples = [
        ...this._samples.slice(1 - SAMPLES),
        performance.now() - started
      ];
    }
  }

  private _greet(): Promise<void> {
    return request('health', {
      serverSettings: this._options.serverSettings,
      parse: parseHealth
    });
  }

  private _postureIsDue(): boolean {
    return (
      this._postureAsked === null ||
      performance.now() - this._postureAsked >= POSTURE_AGE
    );
  }

  private async _askPosture(): Promise<void> {
    const { serverSettings, language } = this._options;
    this._postureAsked = performance.now();
    try {
      this._posture = await request('status', {
        serverSettings,
        language: language(),
        parse: parsePosture
      });
      this._tell('up');
    } catch (error) {
      this._posture = null;
      const status = error instanceof RequestError ? error.status : null;
      this._tell(status === 401 || status === 403 ? 'signed-out' : 'up');
    }
  }

  /**
   * A relay answers 404 for a server whose tunnel is gone, so 404 tells that
   * the extension is missing only where it has never answered.
   */
  private _lose(error: unknown): void {
    const missing = error instanceof RequestError && error.status === 404;
    this._samples = [];
    this._posture = null;
    this._postureAsked = null;
    this._tell(missing && this._state.link === 'unknown' ? 'absent' : 'down');
  }

  private _tell(link: Link): void {
    const trustworthy = isTrustworthy(this._options.origin);
    this._state = {
      link,
      roundTrip: median(this._samples),
      secure: this._posture && this._posture.secure && trustworthy,
      findings: this._findings(trustworthy)
    };
    this._changed.emit();
  }

  private _findings(trustworthy: boolean): readonly IFinding[] {
    const { findings } = this._posture ?? { findings: [] };
    // The server says it itself: `plain-http`, or `plain-http-chosen`.
    const told = findings.some(({ code }) => code.startsWith('plain-http'));
    if (trustworthy || told) {
      return findings;
    }
    return [this._options.plainHttp, ...findings];
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _poll: Poll<void>;
  private _watching = false;
  private _samples: readonly number[] = [];
  private _posture: IPosture | null = null;
  private _postureAsked: number | null = null;
  private _state: IConnectionState = {
    link: 'unknown',
    roundTrip: null,
    secure: null,
    findings: []
  };
}

export namespace ConnectionModel {
  export interface IOptions {
    readonly serverSettings: ServerConnection.ISettings;

    /** Where the page came from. */
    readonly origin: Origin;

    /** Seconds between two looks. */
    readonly interval: number;

    /** The language for the server's sentences, as BCP 47. */
    readonly language: () => string;

    /** What to say where the page itself came over plain HTTP. */
    readonly plainHttp: IFinding;
  }
}

function frequency(seconds: number): Poll['frequency'] {
  const interval = seconds * 1000;
  return { interval, backoff: true, max: Math.max(interval, LONGEST_PAUSE) };
}

function median(samples: readonly number[]): number | null {
  const sorted = [...samples].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  return upper === undefined || lower === undefined
    ? null
    : (lower + upper) / 2;
}
