import type { IFinding, Severity } from './tokens';

/** The part of the server's status that the connection needs. */
export interface IPosture {
  readonly secure: boolean;
  readonly findings: readonly IFinding[];
}

/** Where the page came from, as `window.location` tells. */
export type Origin = Pick<Location, 'protocol' | 'hostname'>;

const SEVERITIES: readonly Severity[] = ['refuse', 'warn', 'info'];

/** @throws TypeError where the document is not a health answer. */
export function parseHealth(body: unknown): void {
  if (!isRecord(body) || body.status !== 'ok') {
    throw new TypeError('not a health answer');
  }
}

/** @throws TypeError where the document is not a status answer. */
export function parsePosture(body: unknown): IPosture {
  const posture = isRecord(body) ? body.posture : null;
  if (
    !isRecord(posture) ||
    typeof posture.secure !== 'boolean' ||
    !Array.isArray(posture.findings)
  ) {
    throw new TypeError('not a status answer');
  }
  return {
    secure: posture.secure,
    findings: posture.findings.map(parseFinding)
  };
}

/**
 * Whether what this page sends cannot be read on its way. Browsers hold
 * loopback trustworthy, and an ssh tunnel ends there.
 * https://www.w3.org/TR/secure-contexts/#is-origin-trustworthy
 */
export function isTrustworthy({ protocol, hostname }: Origin): boolean {
  return (
    protocol === 'https:' ||
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127(\.\d{1,3}){3}$/.test(hostname)
  );
}

function parseFinding(value: unknown): IFinding {
  if (
    !isRecord(value) ||
    typeof value.code !== 'string' ||
    typeof value.message !== 'string'
  ) {
    throw new TypeError('not a finding');
  }
  return {
    code: value.code,
    // A newer server may know graver words than we do: never play one down.
    severity:
      SEVERITIES.find(severity => severity === value.severity) ?? 'warn',
    message: value.message,
    fix: typeof value.fix === 'string' ? value.fix : null
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
