// What the picture is drawn with: a canvas on the page, SVG for export. Text is never markup.

import { svg } from "../lib/dom";

export interface Stroke {
  colour: string;
  width: number;
  dash?: number[];
}

/** Lines and corners of one colour, drawn together. */
export interface Path {
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
  /** A rounded corner at (cx, cy) that ends in (x, y). */
  curveTo(cx: number, cy: number, x: number, y: number): void;
}

export interface TextStyle {
  size: number;
  colour: string;
  bold?: boolean;
  /** Which point of the text x is. */
  anchor?: "start" | "middle" | "end";
  /** The text is squeezed to this width. */
  limit?: number;
}

export interface Pen {
  alpha(value: number): void;
  rect(x: number, y: number, w: number, h: number, radius: number, fill: string, stroke?: Stroke): void;
  stroke(style: Stroke, draw: (path: Path) => void): void;
  fill(colour: string, draw: (path: Path) => void): void;
  /** y is the middle of the letters. */
  text(x: number, y: number, text: string, style: TextStyle): void;
}

export class CanvasPen implements Pen {
  constructor(
    private readonly context: CanvasRenderingContext2D,
    private readonly font: string,
  ) {
    context.textBaseline = "middle";
    context.direction = "ltr";
    context.lineJoin = "round";
  }

  alpha(value: number): void {
    this.context.globalAlpha = value;
  }

  rect(
    x: number,
    y: number,
    w: number,
    h: number,
    radius: number,
    fill: string,
    stroke?: Stroke,
  ): void {
    const { context } = this;
    context.fillStyle = fill;
    if (radius <= 0 && !stroke) {
      context.fillRect(x, y, w, h);
      return;
    }
    context.beginPath();
    context.roundRect(x, y, w, h, radius);
    context.fill();
    if (stroke) this.ink(stroke);
  }

  stroke(style: Stroke, draw: (path: Path) => void): void {
    this.context.beginPath();
    draw(this.path);
    this.ink(style);
  }

  fill(colour: string, draw: (path: Path) => void): void {
    this.context.beginPath();
    draw(this.path);
    this.context.fillStyle = colour;
    this.context.fill();
  }

  text(x: number, y: number, text: string, style: TextStyle): void {
    const { context } = this;
    context.font = `${style.bold ? 600 : 400} ${style.size}px ${this.font}`;
    context.fillStyle = style.colour;
    const anchor = style.anchor ?? "start";
    context.textAlign = anchor === "middle" ? "center" : anchor;
    context.fillText(text, x, y + style.size * 0.04, style.limit);
  }

  private readonly path: Path = {
    moveTo: (x, y) => this.context.moveTo(x, y),
    lineTo: (x, y) => this.context.lineTo(x, y),
    curveTo: (cx, cy, x, y) => this.context.quadraticCurveTo(cx, cy, x, y),
  };

  private ink(style: Stroke): void {
    this.context.strokeStyle = style.colour;
    this.context.lineWidth = style.width;
    this.context.setLineDash(style.dash ?? []);
    this.context.stroke();
  }
}

const round = (value: number) => String(Math.round(value * 100) / 100);

export class SvgPen implements Pen {
  private opacity = 1;

  constructor(
    private readonly root: SVGElement,
    private readonly font: string,
  ) {}

  alpha(value: number): void {
    this.opacity = value;
  }

  rect(
    x: number,
    y: number,
    w: number,
    h: number,
    radius: number,
    fill: string,
    stroke?: Stroke,
  ): void {
    this.add(
      svg("rect", {
        x: round(x),
        y: round(y),
        width: round(w),
        height: round(h),
        rx: radius || null,
        fill,
        ...this.ink(stroke),
      }),
    );
  }

  stroke(style: Stroke, draw: (path: Path) => void): void {
    const d = trace(draw);
    if (d) this.add(svg("path", { d, fill: "none", ...this.ink(style) }));
  }

  fill(colour: string, draw: (path: Path) => void): void {
    const d = trace(draw);
    if (d) this.add(svg("path", { d, fill: colour }));
  }

  text(x: number, y: number, text: string, style: TextStyle): void {
    const element = svg(
      "text",
      {
        x: round(x),
        y: round(y),
        dy: "0.36em",
        "font-family": this.font,
        "font-size": style.size,
        "font-weight": style.bold ? 600 : null,
        "text-anchor": style.anchor ?? null,
        fill: style.colour,
      },
      text,
    );
    this.add(element);
  }

  private ink(stroke?: Stroke): Record<string, string | number | null> {
    if (!stroke) return {};
    return {
      stroke: stroke.colour,
      "stroke-width": stroke.width,
      "stroke-dasharray": stroke.dash?.join(" ") ?? null,
    };
  }

  private add(element: SVGElement): void {
    if (this.opacity < 1) element.setAttribute("opacity", String(this.opacity));
    this.root.append(element);
  }
}

function trace(draw: (path: Path) => void): string {
  const parts: string[] = [];
  draw({
    moveTo: (x, y) => parts.push(`M${round(x)} ${round(y)}`),
    lineTo: (x, y) => parts.push(`L${round(x)} ${round(y)}`),
    curveTo: (cx, cy, x, y) => parts.push(`Q${round(cx)} ${round(cy)} ${round(x)} ${round(y)}`),
  });
  return parts.join("");
}
