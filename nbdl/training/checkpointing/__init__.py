"""A training's state, as files and in memory: to go on from, to look back at, to edit."""
