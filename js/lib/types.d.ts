// What the build gives for imports that are not TypeScript.
declare module "*.css" {
  const text: string;
  export default text;
}
declare module "*?worker" {
  /** The worker's whole code: start it from a Blob URL. */
  const code: string;
  export default code;
}
