"""The web page: a view of run folders. The only place that imports gradio."""
