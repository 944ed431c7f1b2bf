"""The record of a run: its folder, its state, its events, its checkpoints."""
