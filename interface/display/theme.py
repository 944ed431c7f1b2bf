"""How the page looks: Gradio's own parts through a theme, ours through one style sheet."""

import json
from pathlib import Path

import gradio as gr
from gradio.themes.utils.colors import Color

from core.hub.client import hub_endpoint

STATIC = Path(__file__).parent / "static"
CSS = STATIC / "page.css"
# The first is what the others add to.
SCRIPTS = [STATIC / f"{name}.js" for name in ("page", "form", "places", "charts")]

# Fonts of the reader's own system: nothing is fetched from anywhere.
_TEXT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "sans-serif"]
_CODE = ["ui-monospace", "SF Mono", "Cascadia Code", "Menlo", "Consolas", "monospace"]

_TEAL = Color(
    "#f0faf7", "#d6f1ea", "#aee3d7", "#7fcfc0", "#4cb3a3", "#2b9688", "#1b786d", "#176159",
    "#154e48", "#12403c", "#082623", name="teal",
)  # fmt: skip
_STONE = Color(
    "#fafaf8", "#f3f3f0", "#e6e6e1", "#d2d2cb", "#a3a39b", "#75756d", "#56564f", "#41413c",
    "#282825", "#1a1a18", "#111110", name="stone",
)  # fmt: skip


# By the names of Gradio's theme variables; an asterisk takes another one's value.
_VALUES = {
    "body_background_fill": "*neutral_100",
    "body_background_fill_dark": "*neutral_950",
    "body_text_color": "*neutral_900",
    "body_text_color_dark": "*neutral_100",
    "body_text_color_subdued": "*neutral_500",
    "body_text_color_subdued_dark": "*neutral_400",
    "background_fill_primary": "white",
    "background_fill_primary_dark": "*neutral_900",
    "background_fill_secondary": "*neutral_50",
    "background_fill_secondary_dark": "#20201e",
    "block_background_fill": "transparent",
    "block_background_fill_dark": "transparent",
    "block_border_width": "0px",
    "block_border_width_dark": "0px",
    "block_shadow": "none",
    "block_shadow_dark": "none",
    "block_padding": "0px",
    "block_label_background_fill": "transparent",
    "block_label_background_fill_dark": "transparent",
    "block_label_border_width": "0px",
    "block_title_text_weight": "550",
    "block_title_text_size": "*text_sm",
    "block_info_text_size": "*text_xs",
    "block_info_text_color": "*neutral_500",
    "block_info_text_color_dark": "*neutral_400",
    "border_color_primary": "*neutral_200",
    "border_color_primary_dark": "#33332f",
    "input_background_fill": "white",
    "input_background_fill_dark": "#20201e",
    "input_border_color": "*neutral_300",
    "input_border_color_dark": "#3d3d38",
    "input_border_color_focus": "*primary_500",
    "input_border_color_focus_dark": "*primary_500",
    "input_border_width": "1px",
    "input_shadow": "none",
    "input_shadow_focus": "0 0 0 3px color-mix(in srgb, var(--primary-500) 22%, transparent)",
    "input_radius": "*radius_md",
    "button_primary_background_fill": "*primary_600",
    "button_primary_background_fill_hover": "*primary_700",
    "button_primary_background_fill_dark": "*primary_600",
    "button_primary_background_fill_hover_dark": "*primary_500",
    "button_primary_text_color": "white",
    "button_secondary_background_fill": "white",
    "button_secondary_background_fill_hover": "*neutral_100",
    "button_secondary_background_fill_dark": "#262623",
    "button_secondary_background_fill_hover_dark": "#30302c",
    "button_secondary_border_color": "*neutral_300",
    "button_secondary_border_color_dark": "#3d3d38",
    "button_border_width": "1px",
    "button_cancel_background_fill": "#b3352b",
    "button_cancel_background_fill_hover": "#99291f",
    "button_cancel_background_fill_dark": "#b3352b",
    "button_cancel_text_color": "white",
    "checkbox_background_color_selected": "*primary_600",
    "checkbox_background_color_selected_dark": "*primary_600",
    "checkbox_border_color_selected": "*primary_600",
    "checkbox_border_color_selected_dark": "*primary_600",
}


def build() -> gr.themes.Base:
    return gr.themes.Base(
        primary_hue=_TEAL,
        secondary_hue=_TEAL,
        neutral_hue=_STONE,
        font=_TEXT,
        font_mono=_CODE,
        radius_size=gr.themes.sizes.radius_md,
        spacing_size=gr.themes.sizes.spacing_md,
        text_size=gr.themes.sizes.text_md,
    ).set(**_VALUES)


def head() -> str:
    """What goes into the page's head: our script, before any part of the page asks for it."""
    scripts = "\n".join(path.read_text(encoding="utf-8") for path in SCRIPTS)
    hub = json.dumps(hub_endpoint())
    return f"<script>\n{scripts}\nwindow.smolfactory.hub = {hub};\n</script>"
