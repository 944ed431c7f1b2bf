"""What has not changed is not sent, and what was lost is sent again."""

import gradio as gr

from interface.display.live import changes, column_visible, visible

OUTPUTS = ["head", "curves"]
SKIPPED = gr.skip()


def test_only_what_changed_is_sent() -> None:
    seen, updates = changes(None, {"head": "a", "curves": "b"}, outputs=OUTPUTS)
    assert updates == ["a", "b"]
    seen, updates = changes(seen, {"head": "a", "curves": "c"}, outputs=OUTPUTS)
    assert updates == [SKIPPED, "c"]
    _, updates = changes(seen, {"head": "a", "curves": "c"}, outputs=OUTPUTS)
    assert updates == [SKIPPED, SKIPPED]


def test_an_answer_that_was_lost_is_sent_again() -> None:
    before, _ = changes(None, {"head": "a"}, outputs=OUTPUTS)
    _, lost = changes(before, {"head": "b"}, outputs=OUTPUTS)
    _, again = changes(before, {"head": "b"}, outputs=OUTPUTS)
    assert lost == again == ["b", SKIPPED]


def test_what_is_not_shown_now_is_remembered() -> None:
    seen, _ = changes(None, {"head": "a", "curves": "b"}, outputs=OUTPUTS)
    seen, updates = changes(seen, {"head": "z"}, outputs=OUTPUTS)
    assert updates == ["z", SKIPPED]
    assert changes(seen, {"curves": "b"}, outputs=OUTPUTS)[1] == [SKIPPED, SKIPPED]


def test_what_is_hidden_stays_mounted() -> None:
    assert (visible("yes"), visible("")) == (True, "hidden")
    assert column_visible(True, "card")["elem_classes"] == ["card"]
    assert len(column_visible(False, "card")["elem_classes"]) == 2
