"""The commands for trainers and clusters: serve, shards."""

from __future__ import annotations

from typing import Annotated

import typer

from judge.errors import InputError
from judge.files.terminal import tell, write
from judge.judging.command_options import ServeOptions
from judge.service.listen_options import ListenOptions


def serve(options: ServeOptions, listen: ListenOptions = ListenOptions()) -> None:
    """Serve preferences of groups of responses over HTTP, as rewards for training; a failure is never a number.

    Every answer is in a run folder: report, show, flags and the page read it while it grows. Repeating the command goes
    on with that run; the same content is never asked twice.
    """
    try:
        from judge.service.serve import serve as serve_here
    except ImportError as error:
        raise InputError("serve", "needs starlette and uvicorn", "pip install 'omr-judge[serve]'") from error
    serve_here(options, listen, say=tell)


def shards(
    command: Annotated[
        tuple[str, ...], typer.Argument(metavar="compare|score ...", help="What to judge, with --name and its options.")
    ],
    *,
    slurm: Annotated[
        int | None, typer.Option("--slurm", min=1, metavar="N", help="Print a script that submits N shards to Slurm.")
    ] = None,
    k8s: Annotated[
        int | None, typer.Option("--k8s", min=1, metavar="N", help="Print a Kubernetes Job of N shards.")
    ] = None,
    image: Annotated[str, typer.Option(help="With --k8s: the image of the containers.")] = "omr-judge",
    claim: Annotated[str, typer.Option(help="With --k8s: the claim of the volume with inputs and runs.")] = "omr-judge",
) -> None:
    """Print what has a cluster's scheduler judge the shards of a run; its limits are divided among them.

    Options of `shards` stand before the command, all after it are the command's.
    """
    from judge.cluster.scripts import kubernetes_job, slurm_script

    if (slurm is None) == (k8s is None):
        raise InputError("shards", "for one of --slurm and --k8s", "give the number of shards with it")
    if slurm is not None:
        write(slurm_script(command, slurm), end="")
    elif k8s is not None:
        write(kubernetes_job(command, k8s, image=image, claim=claim), end="")
