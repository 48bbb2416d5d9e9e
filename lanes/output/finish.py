"""Makes what a killed run left of its recordings whole videos: `python -m lanes.output.finish FOLDER_OR_FILE...`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from lanes.cli.arguments import Parser
from lanes.errors import InputError, ProcessingError, exit_status
from lanes.output.claim import Claim
from lanes.output.live.left_behind import drafts_in, finish_all, recording_of, target_of

PROGRAM = "python -m lanes.output.finish"


def run(paths: Sequence[Path]) -> int:
    """Finishes drafts, given or in given folders. Prints what they are now, and on stderr what held nothing and is deleted.

    Raises:
        InputError: one of them is none, or there are none.
        ProcessingError: some cannot be finished; the others are.
    """
    drafts: list[Path] = []
    for path in paths:
        if path.is_dir():
            drafts += drafts_in(path)
        elif not path.exists():
            raise InputError(f"{path}: no such file or folder")
        elif target_of(path) is None:
            raise InputError(
                f"{path}: is no part of a recording; give a file such as .drive.mp4.1a2b3c4d.part, or a folder with such files"
            )
        else:
            drafts.append(path)
    if not drafts:
        raise InputError(f"{', '.join(map(str, paths))}: holds no part of a recording, whose name would be like .drive.mp4.1a2b3c4d.part")
    with ExitStack() as claims:
        problems = []
        for path in sorted({place for draft in drafts for place in places_of(draft)}):
            try:
                claims.callback(Claim(path).release)
            except InputError:
                problems.append(f"{path}: a run is writing it; wait for its end")
                drafts = [draft for draft in drafts if path not in places_of(draft)]
        found = finish_all(drafts)
    problems += found.problems
    for words in found.deleted:
        print(words, file=sys.stderr)
    for file in found.files:
        print(file)
    if problems:
        raise ProcessingError("; ".join(problems))
    return 0


def places_of(draft: Path) -> tuple[Path, Path]:
    """What the run that writes a draft has claimed: its recording, or the folder of its clips."""
    target = target_of(draft) or draft
    return recording_of(target), target.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    parser = Parser(
        PROGRAM,
        "Makes what a killed run left of its recordings ordinary videos.\n\nWhat a run on this machine is still writing is left alone.",
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a folder, or files such as .drive.mp4.1a2b3c4d.part in one")
    args = parser.parse_args(arguments)
    return exit_status("lanes.output.finish", lambda: run(args.paths))


if __name__ == "__main__":
    sys.exit(main())
