"""A name for a result that nobody named, and that is to be pushed: one that is free on the Hub."""

import contextlib

from pydantic import SecretStr

from core.config.run_config import RunConfig
from core.errors import UserError
from core.hub.client import hub_client
from core.hub.permissions import target_repo
from core.publish.occupied import contents_of_others
from core.runs.store import RunStore

# Whoever has as many of one name should choose one.
MOST_ASKED = 20


def named(config: RunConfig, *, store: RunStore, token: SecretStr | None) -> RunConfig:
    """The same with a name: where it has none, one that neither a run here nor, where it will be
    pushed, a repository has.

    What the Hub does not tell is for the checks to say.
    """
    output, proposed = config.output, store.named(config)
    if output.name or output.pull_request or not output.push_to_hub or token is None:
        return proposed
    taken: set[str] = set()
    with contextlib.suppress(UserError):
        while len(taken) < MOST_ASKED:
            repo = target_repo(proposed.output, token)
            if contents_of_others(hub_client(token), repo, run=None) is None:
                break
            taken.add(proposed.output.repo_name)
            proposed = store.named(config, taken=taken)
    return proposed
