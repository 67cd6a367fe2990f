import { besideLine } from '../signature';

const screen = { top: 0, bottom: 800 };
const line = (top: number): { top: number; bottom: number } => ({
  top,
  bottom: top + 20
});

describe('signature help', () => {
  it.each([
    ['above where it fits', 100, 400, null],
    ['below the first line of the page', 200, 110, null],
    ['above the last line', 300, 760, null],
    ['above, cut, where there is more room', 900, 600, null],
    ['below, cut, where there is more room', 900, 100, null],
    ['below the popup', 200, 30, { top: 50, bottom: 290 }],
    ['above a line with a popup below', 100, 400, { top: 420, bottom: 660 }],
    ['below a line with a popup above', 100, 700, { top: 450, bottom: 700 }]
  ])('is %s', (_, height, top, popup) => {
    const typed = line(top);
    const place = besideLine(height, typed, screen, popup);
    const bottom = place.top + place.maxHeight;
    expect(place.maxHeight).toBeGreaterThanOrEqual(Math.min(height, 40));
    expect(place.top).toBeGreaterThanOrEqual(screen.top);
    expect(bottom).toBeLessThanOrEqual(screen.bottom);
    for (const other of [typed, ...(popup ? [popup] : [])]) {
      expect(bottom <= other.top || place.top >= other.bottom).toBe(true);
    }
  });

  it('is close to the line', () => {
    expect(besideLine(100, line(400), screen, null)).toEqual({
      top: 296,
      maxHeight: 100
    });
    expect(besideLine(200, line(110), screen, null)).toEqual({
      top: 134,
      maxHeight: 200
    });
  });
});
