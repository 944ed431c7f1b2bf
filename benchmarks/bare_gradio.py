"""The rival of the page's process: the smallest Gradio app there is."""

import gradio as gr

with gr.Blocks(analytics_enabled=False) as page:
    gr.Textbox()

page.launch(quiet=True)
