"""The entry of the command line, which needs packages that the rest of `extism` does not."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Runs the command line `polyextism`."""
    try:
        from ._cli import run
    except ModuleNotFoundError as missing:
        if missing.name not in ("typer", "rich", "click"):
            raise
        message = f"polyextism: the package {missing.name} is missing; install it with: pip install 'polyextism[cli]'"
        print(message, file=sys.stderr)
        sys.exit(2)
    run()
