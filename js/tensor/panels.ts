// Panels side by side in the room there is, with the largest cells; nbdl/inspection/static/panels.py
// does the same for still pictures.

export const GAP = 12;
export const HEAD = 18;
const WIDEST = 56;
const HIGHEST = 26;

export interface Grid {
  across: number;
  /** Pixels of a cell. */
  width: number;
  height: number;
  /** Pixels for a panel's name. */
  head: number;
}

export interface Shape {
  panels: number;
  rows: number;
  columns: number;
}

export function fit({ panels, rows, columns }: Shape, wide: number, high: number, square: boolean): Grid {
  const head = panels > 1 ? HEAD : 0;
  let best: Grid = { across: 1, width: 0, height: 0, head };
  for (let across = 1; across <= panels; across++) {
    const down = Math.ceil(panels / across);
    let width = Math.min(WIDEST, (wide - GAP * (across - 1)) / (across * columns));
    let height = Math.min(HIGHEST, (high - (GAP + head) * down) / (down * rows));
    if (square) width = height = Math.min(width, height);
    else if (rows > 1) [width, height] = [Math.min(width, 3 * height), Math.min(height, 3 * width)];
    if (width > 0 && width * height >= best.width * best.height * 0.999) best = { across, width, height, head };
  }
  return best;
}

/** The left upper corner of a panel's cells. */
export function corner(grid: Grid, { rows, columns }: Shape, panel: number): [number, number] {
  return [
    (panel % grid.across) * (columns * grid.width + GAP),
    Math.floor(panel / grid.across) * (rows * grid.height + GAP + grid.head) + grid.head,
  ];
}

export interface Place {
  panel: number;
  row: number;
  column: number;
}

/** The cell at a point, or the one nearest to it when `near`. */
export function placeAt(grid: Grid, shape: Shape, x: number, y: number, near = false): Place | null {
  const wide = shape.columns * grid.width + GAP;
  const high = shape.rows * grid.height + GAP + grid.head;
  const across = Math.min(grid.across - 1, Math.max(0, Math.floor(x / wide)));
  const down = Math.max(0, Math.floor(y / high));
  const panel = Math.min(shape.panels - 1, down * grid.across + across);
  const [left, top] = corner(grid, shape, panel);
  const column = Math.floor((x - left) / grid.width);
  const row = Math.floor((y - top) / grid.height);
  const inside = column >= 0 && column < shape.columns && row >= 0 && row < shape.rows;
  if (inside && down * grid.across + across < shape.panels) return { panel, row, column };
  if (!near) return null;
  return { panel, row: bound(row, shape.rows), column: bound(column, shape.columns) };
}

export function bound(at: number, length: number): number {
  return Math.min(length - 1, Math.max(0, at));
}
