"""Makes a Space where one can talk to a run's model: python -m core.publish.demo_space RUN_DIR

A process of its own with the token, which has the demo's lock from who starts it. The Space carries
small weights itself, so that it needs no token of anybody's; large ones it takes from the
repository that they were pushed to.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError
from pydantic import BaseModel, Field, SecretStr, ValidationError

from core.config.options import Weights
from core.config.run_config import RunConfig
from core.errors import UserError
from core.hub.client import hub_client, hub_endpoint, is_default_hub
from core.hub.errors import hub_errors
from core.hub.lacks import NO_VARIABLES, is_lack, tell_lack, told_lacks
from core.hub.permissions import writable_owner
from core.hub.upload import Target, fingerprints, upload_verified
from core.machine.atomic import lock_file, write_atomically
from core.publish.demo_template import MODEL_FOLDER, fill_demo
from core.publish.model_card import is_public_data, license_of
from core.runs.history import History
from core.runs.paths import RunPaths
from core.runs.store import Run
from core.settings import token_of_this_process

FAILED = 1
# Of the commits, with the run's id behind it.
TITLE = "Demo of run "
BUSY = "A demo Space of this run is being made already."
# Space repositories are meant for code: beyond this the weights stay in a model repository.
CARRIED_BYTES = 1_000_000_000


class Demo(BaseModel):
    """How far a demo Space is: `note` while it is made, then its `url`, or a `problem`.

    `lacks` is what the Hub was found to lack meanwhile.
    """

    note: str = ""
    url: str = ""
    repo: str = ""
    problem: str = ""
    lacks: list[str] = Field(default_factory=list)


def look(run: Run) -> Demo | None:
    """How far the demo of a run is; None where none was asked for."""
    if not run.paths.demo.exists():
        return None
    try:
        demo = Demo.model_validate_json(run.paths.demo.read_bytes())
    except ValidationError:
        return Demo(problem="Another version of SmolFactory wrote the state of this demo.")
    if demo.note:
        descriptor = lock_file(run.paths.demo_lock)
        if descriptor is not None:
            os.close(descriptor)
            return Demo(problem="Creating the demo Space was interrupted. Try again.")
    return demo


def deploy(run: Run, *, token: SecretStr, report: Callable[[str], None]) -> Demo:
    """Create the Space, or update it. A new one is private.

    Raises UserError when there is no model, when a Space of that name is not this run's, or when
    the Hub refuses.
    """
    require_speaker(run)
    report("Creating the Space…")
    api = hub_client(token)
    repo = f"{writable_owner(run.output(), token)}/{run.output().repo_name}-demo"
    with hub_errors(f"the Space {repo}"):
        if api.repo_exists(repo, repo_type="space"):
            _require_ours(api, repo, run=run)
        api.create_repo(repo, repo_type="space", space_sdk="gradio", private=True, exist_ok=True)
        private = bool(api.space_info(repo).private)
    _set_endpoint(api, repo)
    folder = _fill_folder(run, private=private, api=api)
    report(f"Uploading to {repo}, then comparing file by file…")
    target = Target(repo, kind="space", replaces=(f"{MODEL_FOLDER}/*",))
    local = fingerprints(folder)
    upload_verified(api, target, folder=folder, local=local, message=f"{TITLE}{run.id}")
    shutil.rmtree(folder)
    return Demo(repo=repo, url=f"{api.endpoint}/spaces/{repo}", lacks=told_lacks())


def require_speaker(run: Run) -> None:
    """Raises UserError when the run has no model that one could talk to."""
    if not run.paths.model.is_dir():
        raise UserError("This run has no model yet.", hint="Let it train to the end first.")
    if run.config().method.scores:
        raise UserError(
            "A reward model gives scores and no answers, so there is no demo to talk to.",
            hint="Push it: its model card shows how to use it.",
        )


def _set_endpoint(api: HfApi, repo: str) -> None:
    """Have a Space of another Hub look for the base model there too."""
    if is_default_hub():
        return
    with hub_errors(f"the variables of the Space {repo}"):
        try:
            api.add_space_variable(repo, "HF_ENDPOINT", hub_endpoint())
        except HfHubHTTPError as error:
            if not is_lack(error):
                raise
            tell_lack(NO_VARIABLES)


def _require_ours(api: HfApi, repo: str, *, run: Run) -> None:
    if not api.file_exists(repo, "demo.json", repo_type="space"):
        raise UserError(
            f"A Space called {repo} already exists, and it is not one of SmolFactory's.",
            hint="Rename it on the Hub, or push under another name first.",
        )
    titles = (commit.title for commit in api.list_repo_commits(repo, repo_type="space"))
    made_by = next((title for title in titles if title.startswith(TITLE)), "")
    if made_by and run.id not in made_by:
        raise UserError(
            f"{repo} is the demo of another run, {made_by.removeprefix(TITLE)}.",
            hint="Push this run under another name first: its demo is named after that.",
        )
    if run.output().hub_private_repo and not api.space_info(repo).private:
        raise UserError(
            f"{repo} is now public, but this run's model is private.",
            hint="Make that Space private on the Hub, or push under another name first.",
        )


def _fill_folder(run: Run, *, private: bool, api: HfApi) -> Path:
    """Lay out the template, filled, with the weights where they are small."""
    config, history = run.config(), History.of(run.paths)
    history.follow()
    folder = run.paths.demo_folder
    shutil.rmtree(folder, ignore_errors=True)
    size = sum(path.stat().st_size for path in run.paths.model.rglob("*") if path.is_file())
    is_adapter = config.adapter.has_adapter
    pushed = history.pushed
    if size <= CARRIED_BYTES:
        shutil.copytree(run.paths.model, folder / MODEL_FOLDER, copy_function=os.link)
        model = MODEL_FOLDER
    elif pushed is not None and not pushed.pull_request:
        model = pushed.repo
        is_adapter = is_adapter and pushed.weights is Weights.ADAPTER
    else:
        raise UserError("This model is too large to be stored in a Space.", hint="Push it first.")
    may_show = private or is_public_data(config, api=api)
    licence = license_of(config.model.name, api=api).get("license")
    fill_demo(
        folder,
        title=run.output().repo_name,
        model=model,
        base_model=config.model.name,
        is_adapter=is_adapter,
        examples=[sample.prompt for sample in history.samples] if may_show else [],
        description=_description(config),
        # Other licences than the Hub's own want a name and a link besides.
        license=licence if licence != "other" else None,
    )
    return folder


def _description(config: RunConfig) -> str:
    base = config.model.name
    return f"Fine-tuned from [{base}]({hub_endpoint()}/{base}) with SmolFactory."


@contextmanager
def claimed(run: Run) -> Iterator[None]:
    """Holds the demo's lock. Raises UserError where another process makes the demo already."""
    descriptor = lock_file(run.paths.demo_lock)
    if descriptor is None:
        raise UserError(BUSY, hint="Wait for it.")
    try:
        yield
    finally:
        os.close(descriptor)


def make(run: Run, *, token: SecretStr, report: Callable[[str], None]) -> Demo:
    """Deploy the demo, whose lock is held, and keep the run's folder up to date on it.

    Raises UserError, as `deploy` does.
    """

    def tell(demo: Demo) -> None:
        write_atomically(run.paths.demo, demo.model_dump_json())

    def note(text: str) -> None:
        tell(Demo(note=text))
        report(text)

    try:
        demo = deploy(run, token=token, report=note)
    except UserError as error:
        tell(Demo(problem=str(error), lacks=told_lacks()))
        raise
    tell(demo)
    return demo


def main() -> int:
    root = Path(sys.argv[1])
    run = Run(id=root.name, paths=RunPaths(root))
    token = token_of_this_process()
    if token is None:
        return FAILED
    try:
        make(run, token=token, report=lambda _: None)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
