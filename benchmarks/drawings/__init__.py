"""Layouts of graphs, ours beside dagre's and elkjs': run, drawn and counted."""
