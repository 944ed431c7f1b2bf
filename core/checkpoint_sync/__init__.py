"""Checkpoints copied to the Hub while a run trains, and restored on another machine."""
