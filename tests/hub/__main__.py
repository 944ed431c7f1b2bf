"""Run a Hub by hand: `python -m tests.hub --root DIR [--port 5564] [--xet] [--oauth]`."""

import argparse
import sys
import threading
from pathlib import Path

from .double import HubDouble

USER = "ada"
ORGANIZATION = "acme"
TOKEN = "hf_ada_writes_here"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="the folder for its bytes")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--xet", action="store_true", help="offer Xet besides LFS")
    parser.add_argument("--oauth", action="store_true", help="let people sign in to a Gradio app")
    options = parser.parse_args()
    with HubDouble(root=options.root, port=options.port, xet=options.xet) as hub:
        hub.add_user(name=USER, token=TOKEN, orgs={ORGANIZATION: "write"})
        sys.stdout.write(_welcome(hub, xet=options.xet))
        if options.oauth:
            sys.stdout.write(_sign_in(hub))
        sys.stdout.flush()
        threading.Event().wait()


def _welcome(hub: HubDouble, *, xet: bool) -> str:
    variables = {"HF_ENDPOINT": hub.endpoint, "HF_TOKEN": TOKEN}
    if not xet:
        variables["HF_HUB_DISABLE_XET"] = "1"
    lines = [f"export {name}={value}" for name, value in variables.items()]
    return "\n".join([f"# {USER}, who may also write to {ORGANIZATION}", *lines, ""])


def _sign_in(hub: HubDouble) -> str:
    hub.add_oauth_app()
    variables = {
        **hub.oauth_environment(),
        "SYSTEM": "spaces",
        "SPACE_ID": f"{ORGANIZATION}/factory",
        "SPACE_HOST": "127.0.0.1:7860",
    }
    lines = [f"export {name}='{value}'" for name, value in variables.items()]
    return "\n".join(["# for a Gradio app on port 7860 that takes itself for a Space", *lines, ""])


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(0)
