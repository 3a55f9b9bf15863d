// Generated from nbdl/inspection/*records.py by `python -m scripts.make_records_ts`; do not edit.

/** Many numbers of one kind: `data` in C order, `shape` as in NumPy. */
export interface Numbers<T> {
  data: T;
  shape: number[];
}

/** Where a run stands now: all that is small and changes. */
export interface RunState {
  id: string;
  name: string;
  model: string;
  status: string;
  epoch: number;
  epochs: number | null;
  step: number;
  total_steps: number | null;
  started: number | null;
  elapsed: number;
  eta: number | null;
  throughput: number | null;
  lr: number | null;
  message: string;
  error: string;
  pending: string[];
  facts: [string, string][];
  laps: [string, number][];
  memory: [string, number][];
  kept: number[];
  variable: string;
}

/** Points ``start`` to ``end`` of one series; thinned (min and max kept) where they are many. */
export interface SeriesPart {
  name: string;
  start: number;
  end: number;
  steps: Numbers<Float64Array>;
  values: Numbers<Float32Array>;
}

/** Rows ``start`` to ``end`` of the gradient samples: one row a sampled step. */
export interface GradientPart {
  layers: string[];
  start: number;
  end: number;
  steps: Numbers<Float64Array>;
  norms: Numbers<Float32Array>;
  weights: Numbers<Float32Array>;
  updates: Numbers<Float32Array>;
}

/** Rows ``start`` to ``end`` of what layers put out; a layer not called has only NaN. */
export interface ActivationPart {
  layers: string[];
  start: number;
  end: number;
  steps: Numbers<Float64Array>;
  means: Numbers<Float32Array>;
  stds: Numbers<Float32Array>;
  zeros: Numbers<Float32Array>;
  dead: Numbers<Float32Array>;
  saturated: Numbers<Float32Array>;
}

/** Histograms ``start`` to ``end`` of weights, gradients and activations; some where many. */
export interface HistogramPart {
  start: number;
  end: number;
  places: Numbers<Int32Array>;
  bins: Numbers<Uint8Array>;
}

/** Something worth knowing, in words. */
export interface Finding {
  level: string;
  title: string;
  text: string;
  layer: string;
}

/** Something that happened in a run. */
export interface LogLine {
  time: number;
  kind: string;
  text: string;
  step: number | null;
}

/** A parameter or buffer as it was. */
export interface PastTensor {
  name: string;
  shape: string;
  mean: number;
  std: number;
  low: number;
  high: number;
  moved: number;
}

/** The weights at an earlier step. */
export interface Past {
  step: number;
  tensors: PastTensor[];
}

/** All series between two steps, thinned anew: what a page asks for that zooms in. */
export interface Detail {
  low: number;
  high: number;
  series: SeriesPart[];
}

/** Another run's curves, to be drawn over. */
export interface Overlay {
  id: string;
  label: string;
  series: SeriesPart[];
}

/** Runs to compare with: (id, words) of those there are, and the ones that were chosen. */
export interface Others {
  choices: [string, string][];
  chosen: Overlay[];
}

/** How often a class (row) was taken for another (column). */
export interface Confusion {
  labels: string[];
  counts: Numbers<Float64Array>;
}

/** One example the model was asked about. */
export interface Sample {
  target: string;
  predicted: string;
  confidence: number | null;
  correct: boolean | null;
  image: Numbers<Uint8Array>;
  text: string;
}

/** What the dashboard shows: the whole of a run, or what is new since the view last heard. */
export interface DashboardRecord {
  state: RunState;
  series: SeriesPart[];
  gradients: GradientPart | null;
  activations: ActivationPart | null;
  histograms: HistogramPart | null;
  findings: Finding[] | null;
  log: LogLine[];
  log_start: number;
  confusion: Confusion | null;
  samples: Sample[] | null;
  samples_end: number;
  past: Past | null;
  detail: Detail | null;
  others: Others | null;
}

/** What the gradient-flow view shows. */
export interface GradientFlowRecord {
  title: string;
  status: string;
  gradients: GradientPart;
  findings: Finding[];
  activations: ActivationPart | null;
  histograms: HistogramPart | null;
  measure: string;
}

/** What a tensor looks like: its sizes and the type of its elements. */
export interface TensorSpec {
  shape: number[];
  dtype: string;
}

/** A line that a person wrote. */
export interface SourceLine {
  file: string;
  line: number;
  text: string;
}

/** Numbers that describe the values of one tensor; NaN where there are none. */
export interface TensorStats {
  mean: number;
  std: number;
  low: number;
  high: number;
  norm: number;
  zeros: number;
  nans: number;
  infinities: number;
  histogram: Numbers<Float32Array>;
}

/** One parameter of a layer: its name there, what it looks like, and its values. */
export interface ParameterStats {
  name: string;
  spec: TensorSpec;
  values: TensorStats;
  gradient: TensorStats | null;
}

/** One thing in a graph: an operation, a layer, a group of them, an input, a parameter. */
export interface GraphNode {
  id: string;
  kind: string;
  parent: number;
  label: string;
  type: string;
  family: string;
  detail: string;
  outputs: TensorSpec[];
  params: number;
  flops: number;
  memory: number;
  seconds: number;
  traffic: number;
  repeat: number;
  status: string;
  note: string;
  attributes: [string, string][];
  source: SourceLine | null;
  values: TensorStats | null;
  gradient: TensorStats | null;
  parameters: ParameterStats[];
  change: string;
  twin: number;
}

/** What went on in a run at some of its steps, for each node of a graph. */
export interface FlowFrames {
  names: string[];
  labels: string[];
  steps: Numbers<Float64Array>;
  values: Numbers<Float32Array>;
}

/** A model, or the computation that led to a tensor. */
export interface GraphRecord {
  title: string;
  subtitle: string;
  nodes: GraphNode[];
  edges: Numbers<Int32Array>;
  params: number;
  trainable: number;
  flops: number;
  memory: number;
  seconds: number;
  error: string;
  findings: Finding[];
  frames: FlowFrames | null;
}

/** One part of a sample: an input, one of its columns or channels, the target. */
export interface FieldRecord {
  name: string;
  kind: string;
  shape: number[];
  dtype: string;
  low: number;
  high: number;
  mean: number;
  std: number;
  nans: number;
  infinities: number;
  distinct: number | null;
  histogram: Numbers<Float32Array>;
  start: number;
  stop: number;
  column: boolean;
}

/** One data set. */
export interface DataPart {
  title: string;
  kind: string;
  total: number | null;
  seen: number;
  fields: FieldRecord[];
  more_columns: number;
  classes: [string, number][];
  samples: Sample[];
}

/** A sample that is there twice: in which data set, its number, and what it is taken for. */
export interface PairSide {
  part: string;
  number: number;
  target: string;
}

/** Two samples with the same input, and that input. */
export interface PairRecord {
  first: PairSide;
  second: PairSide;
  differs: boolean;
  image: Numbers<Uint8Array>;
  cells: [string, string][];
  text: string;
}

/** Pairs of samples that are the same for one reason. */
export interface PairGroup {
  title: string;
  level: string;
  count: number;
  pairs: PairRecord[];
}

/** One or more data sets, and what is worth knowing of them. */
export interface DataRecord {
  parts: DataPart[];
  findings: Finding[];
  groups: PairGroup[];
}

/** One axis of a tensor, and its place in the picture. */
export interface TensorAxis {
  name: string;
  size: number;
  role: string;
  start: number;
  stop: number;
  every: number;
}

/** A tensor's numbers in words, and the part of it that is looked at as a picture. */
export interface TensorRecord {
  title: string;
  kind: string;
  dtype: string;
  device: string;
  shape: number[];
  size: number;
  nbytes: number;
  stats: TensorStats | null;
  facts: [string, string][];
  notes: string[];
  mode: string;
  modes: string[];
  part: string;
  axes: TensorAxis[];
  palette: string;
  low: number;
  high: number;
  square: boolean;
  cells: Numbers<Float64Array>;
  marks: Numbers<Uint8Array>;
  image: Numbers<Uint8Array>;
  points: Numbers<Float32Array>;
  rows: Numbers<Int32Array>;
  classes: string[];
  codes: Numbers<Int32Array>;
}

/** One step of the walk through a model, forward and then backward. */
export interface WalkStep {
  phase: string;
  node: string;
  title: string;
  lines: string[];
  looks: string[];
  column: number;
  neuron: number;
}

/** A column of neurons: a linear layer with the activation behind it, or the inputs. */
export interface NeuronColumn {
  name: string;
  function: string;
  weights: Numbers<Float64Array>;
  bias: Numbers<Float64Array>;
  sums: Numbers<Float64Array>;
  values: Numbers<Float64Array>;
  d_weights: Numbers<Float64Array>;
  d_bias: Numbers<Float64Array>;
  d_sums: Numbers<Float64Array>;
  d_values: Numbers<Float64Array>;
}

/** A small dense network with every number of one example. */
export interface NetworkRecord {
  columns: NeuronColumn[];
  loss: number;
  objective: string;
  example: number;
  examples: number;
}

/** What a model does on a given input. */
export interface ActivationRecord {
  graph: GraphRecord;
  objective: string;
  walk: WalkStep[];
  network: NetworkRecord | null;
}
