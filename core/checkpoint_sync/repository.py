"""The private repository on the Hub that a run's checkpoints are synced to."""

import contextlib
from collections.abc import Mapping
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete
from huggingface_hub.errors import HfHubHTTPError
from pydantic import SecretStr

from core.checkpoint_sync.manifest import (
    MANIFEST,
    OLD_MANIFEST,
    PREFIX,
    STEPS,
    Manifest,
    read_manifest,
)
from core.errors import HubUnreachable, UserError
from core.hub.client import hub_client, hub_endpoint
from core.hub.errors import hub_errors
from core.hub.lacks import NO_SQUASHING, is_lack, tell_lack
from core.hub.permissions import writable_owner
from core.hub.upload import Print, Target, listing, upload_verified
from core.runs.store import Run


def sync_repo(run: Run, token: SecretStr) -> str:
    """The repository that a run's checkpoints are synced to.

    Raises UserError when this token may not write there.
    """
    return f"{writable_owner(run.output(), token)}/{PREFIX}{run.id}"


class SyncRepository:
    """What an installation, `here`, may do to the repository of a run's checkpoints.

    Every method raises UserError when the Hub refuses, HubUnreachable when it does not respond.
    """

    def __init__(self, name: str, *, token: SecretStr, here: str) -> None:
        self.name = name
        self.url = f"{hub_endpoint()}/{name}"
        self._here = here
        self._api = hub_client(token)

    def create(self) -> None:
        """Create it where it is missing. Raises UserError when it is public."""
        with self._errors():
            self._api.create_repo(self.name, private=True, exist_ok=True)
            if self._api.model_info(self.name).private:
                return
        raise UserError(
            f"{self.name} is public, so no checkpoint is uploaded there.",
            hint="Make it private on the Hub.",
        )

    def newest_commit(self) -> str | None:
        """None where there is no repository."""
        with self._errors():
            if not self._api.repo_exists(self.name):
                return None
            return str(self._api.model_info(self.name).sha)

    def require_ours(self, commit: str) -> Manifest | None:
        """The manifest at a commit, if there is one.

        Raises UserError when another installation has restored the run.
        """
        with self._errors():
            manifest = read_manifest(self._api, self.name, revision=commit)
        if manifest is not None and manifest.is_held_elsewhere(here=self._here):
            raise UserError(
                "This run was restored on another machine and is synced from there.",
                hint="Cancel it on one of the two.",
            )
        return manifest

    def upload(self, folder: Path, *, local: dict[str, Print], step: int) -> None:
        """Upload the files of a step that nothing writes to any more, and verify them.

        Raises Differs when what arrived is not what `local` says.
        """
        target = Target(self.name)
        upload_verified(self._api, target, folder=folder, local=local, message=f"Step {step}")

    def commit_step(
        self, manifest: Manifest, *, parent: str, files: Mapping[str, Path]
    ) -> Manifest:
        """In one commit: the manifest names a step whose files are there, and older steps are gone.

        `files` go along. They are still written to here, so if they were uploaded before, a step
        that is uploaded a second time would for a moment not match its manifest.
        """
        there = self._listing(parent)
        steps = {path.split("/")[0] for path in there if path.startswith(STEPS)}
        return self._commit(
            manifest, parent=parent, there=there, files=files, older=steps - {manifest.folder}
        )

    def has_whole(self, manifest: Manifest, *, commit: str) -> bool:
        """Whether all files that a manifest names are there, with their sizes."""
        with self._errors():
            there = listing(self._api, Target(self.name), revision=commit)
        return all(
            path in there and there[path].size == file.size for path, file in manifest.files.items()
        )

    def commit_heartbeat(self, manifest: Manifest, *, parent: str) -> Manifest:
        """Replace the manifest alone. All steps stay, also one that is being uploaded."""
        there = self._listing(parent)
        return self._commit(manifest, parent=parent, there=there, files={}, older=set())

    def squash_history(self) -> bool:
        """Drop older checkpoints for good: a history holds their bytes, and somebody pays for them.

        Returns whether the Hub did. Where it does not, all else works.
        """
        try:
            # A long history takes longer than a deadline allows.
            with hub_errors(f"the history of {self.name}", is_transfer=True):
                self._super_squash()
        except HubUnreachable:
            # It may have been done, though nobody heard.
            return self._is_squashed()
        except UserError:
            return False
        return True

    def _is_squashed(self) -> bool:
        with contextlib.suppress(UserError), self._errors():
            return len(self._api.list_repo_commits(self.name)) == 1
        return False

    def _super_squash(self) -> None:
        try:
            self._api.super_squash_history(self.name)
        except HfHubHTTPError as error:
            if is_lack(error):
                tell_lack(NO_SQUASHING)
            raise

    def delete(self) -> None:
        """Delete it, if it is there. Raises UserError when another installation uses it."""
        commit = self.newest_commit()
        if commit is None:
            return
        self.require_ours(commit)
        with self._errors():
            self._api.delete_repo(self.name, missing_ok=True)

    def _commit(
        self,
        manifest: Manifest,
        *,
        parent: str,
        there: set[str],
        files: Mapping[str, Path],
        older: set[str],
    ) -> Manifest:
        before = self.require_ours(parent)
        if before is not None and before.step == manifest.step:
            manifest = manifest.model_copy(update={"restored": before.restored})
        replaced = there & {OLD_MANIFEST}
        # Optimizer states go along, and take as long as their bytes do.
        with hub_errors(f"the upload to {self.name}", is_transfer=bool(files)):
            self._api.create_commit(
                self.name,
                [
                    CommitOperationAdd(MANIFEST, manifest.model_dump_json(indent=2).encode()),
                    *(CommitOperationAdd(path, file) for path, file in files.items()),
                    *(CommitOperationDelete(f"{folder}/") for folder in older),
                    *(CommitOperationDelete(path) for path in replaced),
                ],
                commit_message=f"Step {manifest.step} is complete",
                # Refused where somebody has written meanwhile, so what is named is still there.
                parent_commit=parent,
            )
        return manifest

    def _listing(self, commit: str) -> set[str]:
        with self._errors():
            return set(listing(self._api, Target(self.name), revision=commit))

    def _errors(self) -> contextlib.AbstractContextManager[None]:
        return hub_errors(f"the repository {self.name}")
