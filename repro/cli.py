"""The verbs of the command line; each one composes, asks a room to do its work, and prints."""

from __future__ import annotations

import argparse
import errno
import functools
import json
import os
import shlex
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from repro import __version__
from repro.cli_data import DATA_EPILOG, DATA_VERBS
from repro.cli_help import EPILOG, EPILOGS
from repro.errors import ConfigError, MissingResult, ReproError

if TYPE_CHECKING:
    from repro.config.compose import Composition
    from repro.jobs import Job
    from repro.runner.plan import OpenStore, PlannedCell
    from repro.runner.store import Store


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main(argv: Sequence[str] | None = None) -> int:
    """The `repro` command; returns its exit code: 0, 1 failed, 2 refused, 130 interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    _open_what_is_closed()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default", UserWarning)
            warnings.showwarning = _show_warning
            code = _dispatch(words)
        sys.stdout.flush()
    except ReproError as error:
        print(f"repro: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        print("repro: interrupted; the same command goes on from what is stored", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if (remedy := _remedy(error)) is None:
            raise
        if error.errno in _NO_ROOM:  # it may be stdout that is full
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"repro: {error}; {remedy} and give the same command again", file=sys.stderr)
        return 1
    return code


def plan(args: argparse.Namespace) -> int:
    """Prints what is done, what is left and the time it takes."""
    from repro.runner import overview, slurm_script
    from repro.runner.takeover import offered

    planned = _plan(args.words)
    if args.json:
        print(_json(overview.entries(planned)))
        return 0
    print(overview.plan_table(planned))
    if count := _from_other_scales(planned, offered):
        print(f"of the missing, stored at another scale, to be taken over by a run: {count}")
    for text in slurm_script.scripts(planned):
        print(f"\n{text}", end="")
    return 0


def status(args: argparse.Namespace) -> int:
    """Prints the counts of each experiment, and what else lies in the store."""
    from repro.config.compose import means_all
    from repro.runner import overview
    from repro.runner.leftovers import leftovers, other_scales
    from repro.runner.plan import open_store

    open_ = functools.cache(open_store)
    planned = _plan(args.words, open_=open_)
    if args.json:
        print(_json(overview.entries(planned)))
        return 0
    print(overview.status_table(planned))
    for line in [*leftovers(planned, open_, means_all(args.words)), *other_scales(planned)]:
        print(line)
    return 0


def run(args: argparse.Namespace) -> int:
    """Makes the rows that are missing; 1 where some could not be made."""
    from repro.config.compose import compose_all
    from repro.runner import overview, upkeep
    from repro.runner.plan import jobs
    from repro.runner.plan import plan as make_plan
    from repro.runner.takeover import take_over

    asked = compose_all(args.words, need_experiment=True)
    stores = {one.scale: _writable_store(one) for one in asked}
    tended = [line for store in stores.values() for line in upkeep.tend(store)]
    planned, told = _with_data(args.words, make_plan(asked))
    _check_launcher(planned)
    if taken := _from_other_scales(planned, take_over):
        planned, told = _with_data(args.words, make_plan(asked))
        told.append(f"{taken} runs of the same configs are taken over from other scales")
    todo = jobs(planned)
    overview.tell("\n".join([overview.plan_table(planned), *tended, *told]))
    code = _run_jobs(planned, todo) if todo else 0
    if code == 0 or any(one.done or one.diverged for one in make_plan(asked)):
        overview.tell(f"\nTo draw what is stored: repro figures {shlex.join(args.words)}")
    return code


def figures(args: argparse.Namespace) -> int:
    """Draws each experiment from its stored rows and prints the files.

    Where all are drawn, those without rows are only named, unless that is all of them. What else
    keeps an experiment from being drawn is told at the end.
    """
    from repro.config.compose import compose_all, means_all
    from repro.drawing import draw_all
    from repro.narrowing import noted

    count, errors = 0, []
    for paths, error in draw_all(noted(compose_all(args.words), args.words)):
        for path in paths:
            print(os.path.relpath(path))
        count += len(paths)
        errors += [] if error is None else [error]
    for error in errors:
        print(f"repro: not drawn: {error}", file=sys.stderr)
    harmless = count and means_all(args.words)
    return int(any(not (harmless and isinstance(error, MissingResult)) for error in errors))


def report(args: argparse.Namespace) -> int:
    """Judges every claim and writes the report; prints its files, and a line on the verdicts."""
    from repro.page.command import make_report

    paths, verdicts = make_report(args.words, args.readme)
    for path in paths:
        print(os.path.relpath(path))
    print(verdicts, file=sys.stderr)
    return 0


def verify(args: argparse.Namespace) -> int:
    """Makes a stored row again and compares; 1 where a number is too far from it."""
    from repro.runner.verify import verify_words

    return verify_words(args.words, args.all_ids)


def config(args: argparse.Namespace) -> int:
    """Prints each resolved config with its id, as YAML."""
    from omegaconf import OmegaConf

    from repro.config.compose import compose_all, compose_defaults, named_experiments
    from repro.config.described import described
    from repro.config.tree import Tree

    found = (
        compose_all(args.words)
        if named_experiments(args.words)
        else [compose_defaults(Tree(), args.words)]
    )
    print("---\n".join(OmegaConf.to_yaml(described(one)) for one in found), end="")
    return 0


VERBS: dict[str, tuple[Callable[[argparse.Namespace], int], str]] = {
    "plan": (plan, "what is done, what is missing and the time it takes; runs nothing"),
    "run": (run, "make the rows that are missing"),
    "status": (status, "a line an experiment: done, missing, failed, diverged"),
    "figures": (figures, "draw figures and tables from what is stored"),
    "report": (report, "judge every claim and write the report, from what is stored"),
    "verify": (verify, "make a stored row again, a cheap one unless named, and compare"),
    "config": (config, "print resolved configs with their ids"),
}


def _dispatch(words: list[str]) -> int:
    parser = _parser()
    if not words:
        parser.print_help()
        return 0
    _check_verb(words[0], [*VERBS, "data"])
    if words[0] == "data" and len(words) > 1:
        _check_verb(words[1], list(DATA_VERBS), "data ")
    args, rest = parser.parse_known_args(words)
    options = [word for word in rest if word.startswith("-")]
    if options:
        raise ConfigError(f"{options[0]} is not an option; see `repro {words[0]} --help`")
    args.words = [*args.words, *rest]
    return int(args.verb(args))


def _parser() -> argparse.ArgumentParser:
    parser = _formatted(argparse.ArgumentParser, prog="repro", epilog=EPILOG)
    parser.description = "Reproduce what a paper shows, from config to figure."
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for name, (function, text) in VERBS.items():
        _add_verb(verbs, name, function, text, "OVERRIDE", EPILOGS.get(name, EPILOG))
    data = _formatted(verbs.add_parser, "data", help="list, fetch, check or generate data",
                      epilog=DATA_EPILOG)  # fmt: skip
    actions = data.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, (function, text) in DATA_VERBS.items():
        _add_verb(actions, name, function, text, "WORD", DATA_EPILOG)
    return parser


def _formatted(make: Callable[..., Any], *args: str, **options: str) -> argparse.ArgumentParser:
    layout = argparse.RawDescriptionHelpFormatter
    made: argparse.ArgumentParser = make(
        *args, formatter_class=layout, allow_abbrev=False, **options
    )
    return made


def _add_verb(
    verbs: Subparsers, name: str, function: Callable[..., int], text: str, word: str, epilog: str
) -> None:
    parser = _formatted(verbs.add_parser, name, help=text, description=text, epilog=epilog)
    parser.add_argument("words", nargs="*", metavar=word)
    if name in ("plan", "status"):
        parser.add_argument("--json", action="store_true", help="print a JSON list instead")
    if name == "verify":
        parser.add_argument("--all-ids", action="store_true", help="list what can be verified")
    if name == "report":
        parser.add_argument("--readme", action="store_true", help="write the README's table too")
    parser.set_defaults(verb=function)


def _check_verb(word: str, valid: list[str], before: str = "") -> None:
    if word not in valid and not word.startswith("-"):
        from repro.nearest import suggestion

        hint = suggestion(word, valid).replace("name", "verb")
        raise ConfigError(f"there is no verb `{before}{word}`; {hint}")


def _plan(words: Sequence[str], open_: OpenStore | None = None) -> list[PlannedCell]:
    from repro.config.compose import compose_all
    from repro.runner.plan import open_store
    from repro.runner.plan import plan as make_plan

    return make_plan(compose_all(words), open_ or open_store)


def _with_data(
    words: Sequence[str], planned: Sequence[PlannedCell]
) -> tuple[list[PlannedCell], list[str]]:
    """What can be run with the data that are there; `all` leaves the rest out and says so."""
    from repro.config.compose import means_all
    from repro.config.tree import conf_folder
    from repro.data.registry import load_registry
    from repro.runner.needs import with_data

    return with_data(planned, load_registry(conf_folder() / "datasets.yaml"), means_all(words))


def _from_other_scales(
    planned: Sequence[PlannedCell], what: Callable[[Iterable[Job], Store], int]
) -> int:
    """Asks or takes what other scales have of the missing runs; returns how many rows it is."""
    from repro.runner.plan import jobs

    todo = jobs(planned)
    stores = {one.cell.scale: _writable_store(one.composition) for one in planned}
    return sum(
        what([job for job in todo if job.scale == scale], store) for scale, store in stores.items()
    )


def _check_launcher(planned: Sequence[PlannedCell]) -> None:
    """Refuses a launcher that cannot be used here, before anything is written for it."""
    from repro.runner.slurm import check_slurm

    used = {one.cell.scale: one.composition.launcher for one in planned if one.left}
    for launcher in used.values():
        if launcher["name"] == "slurm":
            check_slurm(launcher)


def _run_jobs(planned: Sequence[PlannedCell], todo: Sequence[Job]) -> int:
    """Runs the jobs scale by scale; 1 where a seed has no row in the end, 130 if interrupted."""
    from repro.runner.local import run_local
    from repro.runner.progress import make_reporter
    from repro.runner.sharing import local_options
    from repro.runner.slurm import run_slurm

    ok = True
    for scale in dict.fromkeys(job.scale for job in todo):
        first = next(one.composition for one in planned if one.cell.scale == scale)
        options = local_options(first.launcher, first.run)
        store = _writable_store(first)
        share = [job for job in todo if job.scale == scale]
        if first.launcher["name"] == "slurm":
            summary = run_slurm(
                share, store, first.launcher, first.run["threads"], make_reporter()
            )
        else:
            summary = run_local(share, store, options, make_reporter())
        if summary.interrupted:
            return 130
        ok = ok and summary.ok
    return 0 if ok else 1


def _writable_store(composition: Composition) -> Store:
    from repro.runner.paths import StorePaths
    from repro.runner.store import Store

    paths = (composition.results, composition.scale, composition.locks, composition.spill)
    return Store(StorePaths(*paths))


def _json(entries: list[dict[str, Any]]) -> str:
    return json.dumps(entries, indent=2)


def _open_what_is_closed() -> None:
    """Gives stdout and stderr that were closed (`>&-`) a place to go."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - as long as the process


def _remedy(error: OSError) -> str | None:
    """What to do about the system's refusal; None where a traceback says more."""
    if error.errno in _NO_ROOM:
        return "make room"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "correct the permissions or name another folder"
    if "temporary directory" in str(error):
        return "name a folder that can be written with TMPDIR"
    if error.errno == errno.ENOENT and not _in_a_folder():
        return "the current folder is gone: change to one that exists"
    return None


def _in_a_folder() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(f"repro: warning: {message}", file=sys.stderr)
