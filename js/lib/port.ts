// The one thing a view knows of its host: a port that carries messages to Python and back. In a
// notebook it is an anywidget model, in tests an object; views import nothing else of Jupyter.

/** Binary parts of a message, as anywidget hands them over. */
export type Buffers = readonly DataView[];

export interface Message {
  type: string;
  [key: string]: unknown;
}

export interface Port {
  /** The id of the view's static twin, '' where it has none. */
  readonly twin?: string;
  /** Nobody is at the other end: the view is part of a saved page. */
  readonly saved?: boolean;
  /** Tell Python something. */
  send(message: Message): void;
  /** Hear every message from Python until the signal is aborted. */
  listen(hear: (message: Message, buffers: Buffers) => void, signal: AbortSignal): void;
  /** Hear once the kernel has ended, from hosts that say so. */
  onLost?(tell: () => void, signal: AbortSignal): void;
}
