/** The tooltip in which jupyterlab-lsp shows the signature of a call. */
const SIGNATURE = '.lsp-signature-help';
const CURSOR = '.cm-editor.cm-focused .cm-cursor-primary';
const POPUP = '.jp-Completer:not(.lm-mod-hidden)';
/** The distance that it keeps from the line, and from the window's edge, in pixels. */
const GAP = 4;
/** What is worth showing: a line of code and its padding, in pixels. */
const READABLE = 48;

export interface IRange {
  top: number;
  bottom: number;
}

/** Where the tooltip goes: the position of its upper edge, and how much of it is seen at once. */
export interface IPosition {
  top: number;
  maxHeight: number;
}

/**
 * A place for a tooltip of `height` above or below `line`, never on it, inside `window`; above where it fits or where there is more room.
 *
 * `popup` is kept free, where a popup is open.
 */
export function besideLine(
  height: number,
  line: IRange,
  window: IRange,
  popup: IRange | null
): IPosition {
  const above = line.top - window.top - 2 * GAP;
  const start =
    popup && popup.top >= line.bottom
      ? Math.max(line.bottom, popup.bottom)
      : line.bottom;
  const below = window.bottom - start - 2 * GAP;
  const limit = popup && popup.bottom <= line.top ? 0 : above;
  if (height <= limit || (limit >= READABLE && limit >= below)) {
    const shown = Math.min(height, limit);
    return { top: line.top - GAP - shown, maxHeight: shown };
  }
  return { top: start + GAP, maxHeight: Math.max(Math.min(height, below), 0) };
}

/**
 * Keep signature help beside the line that is typed.
 *
 * jupyterlab-lsp forces it above the line (`privilege: 'forceAbove'`, 5.3, `signature.ts`) and into the notebook's area: above the first lines
 * of the first cell there are some pixels left, to which JupyterLab's `HoverBox.setGeometry` cuts it down.
 */
export function keepSignaturesBesideLine(page: Document): void {
  let tooltip: HTMLElement | null = null;
  let pending = 0;
  const styled = new MutationObserver(() => place());
  const options = { attributes: true, attributeFilter: ['style', 'class'] };

  function place(): void {
    const line = page.querySelector(CURSOR)?.getBoundingClientRect();
    if (!tooltip || !line || line.height === 0) {
      return;
    }
    styled.disconnect();
    const { style } = tooltip;
    style.maxHeight = '';
    style.visibility = '';
    style.zIndex = '';
    const popup = page.querySelector(POPUP);
    const { top, maxHeight } = besideLine(
      tooltip.getBoundingClientRect().height,
      line,
      { top: 0, bottom: page.documentElement.clientHeight },
      popup?.getBoundingClientRect() ?? null
    );
    style.top = `${top}px`;
    style.maxHeight = `${maxHeight}px`;
    style.marginTop = '0';
    styled.observe(tooltip, options);
    if (popup) {
      styled.observe(popup, options);
    }
  }

  // While a bracket is open the tooltip stays, and below the first lines of a page it would cover the next line that is typed. The frame
  // comes after CodeMirror has drawn the cursor.
  page.addEventListener('selectionchange', () => {
    if (tooltip) {
      cancelAnimationFrame(pending);
      pending = requestAnimationFrame(place);
    }
  });

  new MutationObserver(() => {
    const found = page.body.querySelector<HTMLElement>(`:scope > ${SIGNATURE}`);
    if (found !== tooltip) {
      tooltip = found;
      styled.disconnect();
      place();
    }
  }).observe(page.body, { childList: true });
}
