"""A chat with the model that demo.json names."""

import html
import json
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import gradio as gr
from language_model import ModelError, Turn, load

HERE = Path(__file__).parent
MOST_NEW_TOKENS = 2048
# Fonts of the reader's own system: nothing is fetched from anywhere.
FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
CSS = """
.gradio-container { width: 100%; max-width: 860px !important; margin: 0 auto !important; }
#head h1 { font-size: 1.6rem; margin: 0.5rem 0 0; }
#status { color: var(--body-text-color-subdued); font-size: 0.85rem; }
#status .failed { color: var(--error-text-color); background: var(--error-background-fill);
  border: 1px solid var(--error-border-color); border-radius: 8px; padding: 0.75rem 1rem; }
#chat { height: clamp(320px, calc(100dvh - 19rem), 640px) !important; }
.html-container { padding: 0 !important; }
footer .divider:last-child { display: none; }
"""


@dataclass(frozen=True)
class Demo:
    """What demo.json says. A model is a repository, or a folder beside this file."""

    title: str
    model: str
    base_model: str
    is_adapter: bool
    system_prompt: str
    examples: list[str]
    max_new_tokens: int
    description: str


DEMO = Demo(**json.loads((HERE / "demo.json").read_text(encoding="utf-8")))
# Aside, so that the page is there at once and says what it waits for.
LOADING = ThreadPoolExecutor(max_workers=1).submit(
    load, DEMO.model, base=DEMO.base_model if DEMO.is_adapter else None, beside=HERE
)


def status() -> str:
    """Where the model stands, as HTML."""
    if not LOADING.done():
        return f"Loading {html.escape(DEMO.model)} … this can take a few minutes."
    if error := LOADING.exception():
        return f'<div class="failed" role="alert">{html.escape(explain(error))}</div>'
    model = LOADING.result()
    line = f"Runs on the {'CPU' if model.device == 'cpu' else 'GPU'}."
    if not model.has_template:
        line += " The model has no chat template: it continues each text by itself."
    return line


def explain(error: BaseException) -> str:
    if isinstance(error, ModelError):
        return str(error)
    return f"This failed: {type(error).__name__}: {error}"


def answer(
    message: str,
    history: list[dict[str, Any]],
    system_prompt: str,
    temperature: float,
    max_new_tokens: int,
) -> Iterator[str | gr.ChatMessage]:
    """Stream the answer: each text takes the place of the one before."""
    while not LOADING.done():
        yield "The model is still loading: the answer comes right after …"
        time.sleep(0.5)
    try:
        yield from respond(message, turns(history), system_prompt, temperature, max_new_tokens)
    except Exception as error:
        # An error that leaves here would leave Gradio's message box disabled.
        if not isinstance(error, ModelError):
            traceback.print_exc()
        yield gr.ChatMessage(explain(error), metadata={"title": "No answer"})


def respond(
    message: str, past: list[Turn], system_prompt: str, temperature: float, max_new_tokens: int
) -> Iterator[str]:
    model = LOADING.result()
    longest = min(int(max_new_tokens), model.context // 2)
    inputs, left_out = model.prompt(
        message, turns=past, system_prompt=system_prompt, room=model.context - longest
    )
    if left_out:
        gr.Info("The conversation is longer than the model's context: it no longer sees the start.")
    yield from model.stream(inputs, temperature=temperature, max_new_tokens=longest)


def turns(history: list[dict[str, Any]]) -> list[Turn]:
    """The questions that were answered, each with its answer."""
    said = [
        {"role": message["role"], "content": plain(message["content"])}
        for message in history
        # A title marks what is not an answer: thoughts, or why there is none.
        if not (message.get("metadata") or {}).get("title")
    ]
    return [
        (first, then)
        for first, then in pairwise(said)
        if (first["role"], then["role"]) == ("user", "assistant")
    ]


def plain(content: str | list[dict[str, Any]]) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def page() -> gr.Blocks:
    with gr.Blocks(title=DEMO.title, fill_height=True) as blocks:
        gr.HTML(f"<h1>{html.escape(DEMO.title)}</h1>", elem_id="head")
        if DEMO.description:
            gr.Markdown(DEMO.description)
        line = gr.HTML(status, elem_id="status")
        gr.ChatInterface(
            answer,
            chatbot=gr.Chatbot(
                elem_id="chat", show_label=False, buttons=["copy"], allow_tags=False,
                reasoning_tags=[("<think>", "</think>")],
            ),
            textbox=gr.Textbox(placeholder="Write a message", submit_btn=True, stop_btn=True),
            additional_inputs=[
                gr.Textbox(DEMO.system_prompt, label="System prompt", lines=2, render=False),
                gr.Slider(
                    0, 1.5, 0.3, step=0.1, label="Temperature", render=False,
                    info="0 always gives the likeliest answer.",
                ),
                gr.Slider(
                    1, MOST_NEW_TOKENS, DEMO.max_new_tokens, step=1, label="Longest answer",
                    info="In tokens.", render=False,
                ),
            ],
            additional_inputs_accordion=gr.Accordion("Settings", open=False, render=False),
            examples=[[example] for example in DEMO.examples] or None,
            cache_examples=False,
            api_name="chat",
        )  # fmt: skip
        timer = gr.Timer(1)
        timer.tick(
            lambda: (status(), gr.Timer(active=not LOADING.done())), outputs=[line, timer],
            queue=False, show_progress="hidden", api_visibility="private",
        )  # fmt: skip
    return blocks.queue(max_size=32)


if __name__ == "__main__":
    theme = gr.themes.Default(primary_hue="teal", neutral_hue="stone", font=FONTS)
    page().launch(theme=theme, css=CSS, footer_links=["api", "gradio"], ssr_mode=False)
