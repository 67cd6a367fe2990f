import { LabIcon } from '@jupyterlab/ui-components';

/** An icon of our own in the status bar's size and colour. */
function icon(name: string, path: string): LabIcon {
  return new LabIcon({
    name: `jupyter-remote-kit:${name}`,
    svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16"><path class="jp-icon3" fill="#616161" fill-rule="evenodd" d="${path}"/></svg>`
  });
}

const BODY =
  'M3 7h10v7.5H3zM8 9a1.25 1.25 0 0 0-.6 2.35V13h1.2v-1.65A1.25 1.25 0 0 0 8 9z';

export const secureIcon = icon(
  'secure',
  `${BODY}M4.5 7V4.5a3.5 3.5 0 0 1 7 0V7H10V4.5a2 2 0 0 0-4 0V7z`
);

export const insecureIcon = icon(
  'insecure',
  `${BODY}M4.5 7V4a3.5 3.5 0 0 1 6.8-1.2l-1.4.55A2 2 0 0 0 6 4v3z`
);

export const connectedIcon = icon(
  'connected',
  'M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2zm0 1.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM8 6a2 2 0 1 1 0 4 2 2 0 0 1 0-4z'
);

export const disconnectedIcon = icon(
  'disconnected',
  'M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2zM4.3 5.4a4.5 4.5 0 0 0 6.3 6.3zm1.1-1.1 6.3 6.3a4.5 4.5 0 0 0-6.3-6.3z'
);
