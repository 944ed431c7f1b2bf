"""The page's HTML: templates filled with values, each of which is escaped."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from interface.display import words
from interface.display.setting_labels import with_labels

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, /, **values: object) -> str:
    """Fill in a template, as "runs/head.html".

    Values go in as people, models and the Hub wrote them, and come out as text.
    """
    # The style sheet hides a part of the page that is empty, and one space is not.
    return _environment.get_template(template).render(values).strip()


def _is_web_address(address: str) -> bool:
    return address.startswith(("https://", "http://"))


# Filled at every tick of every open page, so each template is compiled once and never looked up
# on the disk again.
_environment = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
# `count` takes the place of Jinja's own, which is another name for `length`.
_environment.filters |= {
    function.__name__: function
    for function in (
        words.age,
        words.count,
        words.counted,
        words.dataset,
        words.duration,
        words.model,
        words.number,
        words.percent,
        words.roughly,
        words.size,
        words.state,
        with_labels,
    )
}
_environment.tests["web_address"] = _is_web_address
