"""Lists the networks with what each costs and how far it sees: `python -m lanes.models`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from lanes.cli.arguments import Parser
from lanes.errors import InputError, exit_status
from lanes.models import NETWORKS


def list_networks(names: Sequence[str]) -> None:
    """Prints a line for each. Raises InputError where PyTorch is not installed."""
    try:
        from lanes.models.analysis import analyse
        from lanes.models.build import build_network
    except ModuleNotFoundError as missing:
        raise InputError(f"{missing.name} is not installed: pip install 'lanestream[train]'") from None
    print(f"{'network':14}{'input':>9}{'parameters':>12}{'operations':>13}{'receptive field':>18}")
    for name in names:
        network = NETWORKS[name]
        facts = analyse(build_network(network.config), network.size)
        field = f"{facts.receptive_field} px" if facts.receptive_field else "the whole image"
        size = f"{network.size[0]}x{network.size[1]}"
        print(f"{name:14}{size:>9}{facts.parameters:>12,}{facts.operations / 1e9:>11.2f} G{field:>18}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    parser = Parser("python -m lanes.models", __doc__)
    parser.add_argument("names", type=str, nargs="*", metavar="NAME", help="networks to list; without one all")
    args = parser.parse_args(arguments)
    unknown = [name for name in args.names if name not in NETWORKS]
    if unknown:
        parser.error(f"no network is called {unknown[0]!r}: there are {', '.join(NETWORKS)}")
    return exit_status("lanes.models", lambda: list_networks(args.names or list(NETWORKS)))


if __name__ == "__main__":
    sys.exit(main())
