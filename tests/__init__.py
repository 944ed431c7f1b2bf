import pytest

# What helpers assert is told in detail too, as in test files.
pytest.register_assert_rewrite(
    "tests.command_line", "tests.core", "tests.hub.client", "tests.hub.gradio_app"
)
