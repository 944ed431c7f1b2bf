"""Speed and size against named rivals, measured side by side."""
