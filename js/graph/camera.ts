// Which part of the picture is seen: (x, y) is in the upper left corner, `scale` pixels a unit.

export interface Camera {
  x: number;
  y: number;
  scale: number;
}

export interface Size {
  width: number;
  height: number;
}

export const MIN_SCALE = 0.002;
export const MAX_SCALE = 4;

/** Below this, text is too small; a first picture that would need it starts at its top instead. */
const COMFORT = 0.62;

export function clampScale(scale: number): number {
  return Math.min(Math.max(scale, MIN_SCALE), MAX_SCALE);
}

/** All of a picture in a window, never enlarged beyond its natural size. */
export function fit(picture: Size, window: Size): Camera {
  const scale = clampScale(Math.min(window.width / picture.width, window.height / picture.height, 1));
  return {
    x: (picture.width - window.width / scale) / 2,
    y: (picture.height - window.height / scale) / 2,
    scale,
  };
}

/** The first view: everything if that is readable, else the upper middle at a readable size. */
export function firstView(picture: Size, window: Size): Camera {
  const whole = fit(picture, window);
  if (whole.scale >= COMFORT) return whole;
  const scale = Math.min(Math.max(COMFORT, whole.scale), 1);
  const wide = Math.max(picture.width * scale > window.width ? picture.width / 2 : 0, 0);
  const x = wide > 0 ? wide - window.width / scale / 2 : (picture.width - window.width / scale) / 2;
  return { x, y: picture.height * scale > window.height ? 0 : whole.y, scale };
}

/** Zoom by `factor`; the point (px, py) of the window stays where it is. */
export function zoomAt(camera: Camera, factor: number, px: number, py: number): Camera {
  const scale = clampScale(camera.scale * factor);
  return {
    x: camera.x + px / camera.scale - px / scale,
    y: camera.y + py / camera.scale - py / scale,
    scale,
  };
}

/** Move as little as needed to see the rectangle (its upper left part if it is too large). */
export function reveal(
  camera: Camera,
  window: Size,
  rect: { x: number; y: number; w: number; h: number },
): Camera {
  const margin = 24 / camera.scale;
  const width = window.width / camera.scale;
  const height = window.height / camera.scale;
  const along = (at: number, room: number, start: number, length: number) => {
    if (length + 2 * margin > room || start - margin < at) return start - margin;
    return Math.max(at, start + length + margin - room);
  };
  const seen = (at: number, room: number, start: number, length: number) =>
    start >= at && start + length <= at + room;
  return {
    x: seen(camera.x, width, rect.x, rect.w) ? camera.x : along(camera.x, width, rect.x, rect.w),
    y: seen(camera.y, height, rect.y, rect.h) ? camera.y : along(camera.y, height, rect.y, rect.h),
    scale: camera.scale,
  };
}

/** Between two cameras; scale changes by a factor, so that a zoom looks even. */
export function between(a: Camera, b: Camera, t: number): Camera {
  if (Math.abs(a.scale - b.scale) < 1e-9) {
    return { x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t, scale: b.scale };
  }
  const scale = a.scale * (b.scale / a.scale) ** t;
  // The point that both cameras show in the same place stays there all the way.
  const along = (from: number, to: number) => {
    const fixed = (to * b.scale - from * a.scale) / (b.scale - a.scale);
    return fixed + ((from - fixed) * a.scale) / scale;
  };
  return { x: along(a.x, b.x), y: along(a.y, b.y), scale };
}
