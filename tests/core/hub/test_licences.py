"""What a licence's identifier says of what may be done with what is made from a work."""

import pytest

from core.config.parse import parse_config
from core.errors import HubUnreachable
from core.hub.licences import forbids_sharing, limits, require_sharing_allowed
from tests.hub import HubDouble


@pytest.mark.parametrize(
    ("licence", "words"),
    [
        ("apache-2.0", []),
        ("cc-by-4.0", []),
        ("cc-by-nc-4.0", ["forbids commercial use"]),
        ("CC-BY-ND-4.0", ["forbids sharing"]),
        ("cc-by-nc-nd-4.0", ["forbids sharing", "forbids commercial use"]),
        ("llama3.1", ["terms of use of its own"]),
        ("bigscience-openrail-m", ["terms of use of its own"]),
        ("other", ["terms of use of its own"]),
        # Not every n is one of theirs.
        ("bsd-3-clause", []),
        ("odc-by", []),
    ],
)
def test_what_a_licence_forbids_is_told(licence: str, words: list[str]) -> None:
    told = limits(licence, of="acme/rows")
    assert len(told) == len(words)
    assert all(part in text for part, text in zip(words, told, strict=True))
    assert all("acme/rows" in text for text in told)
    assert forbids_sharing(licence) == ("forbids sharing" in words)


def test_a_hub_that_does_not_tell_the_licence_is_no_leave_to_share(near_hub: HubDouble) -> None:
    card = b"---\nlicense: cc-by-nd-4.0\n---\n"
    near_hub.add_repo(repo_id="acme/base", files={"README.md": card})
    limited = {"Retry-After": "3600"}
    near_hub.fail(path="/acme/base", status=429, headers=limited, times=None)
    config = parse_config({"version": 2, "model": {"name": "acme/base"}})
    with pytest.raises(HubUnreachable, match="limiting the rate"):
        require_sharing_allowed(config, token=None)
