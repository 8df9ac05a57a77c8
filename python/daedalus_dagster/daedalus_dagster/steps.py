"""The three steps of a partition: one command line each, which reports over Dagster Pipes."""

import signal
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from daedalus_dagster.project import Check, Project, Service

# A training run stops at its next clean point, which may be minutes away.
STOP_SECONDS = 60

FLAGS_CONFIG = {
    "project_flags": dg.Field([str], default_value=[], description="flags of every daeda command, such as --set compute.engine=native"),
    "train_flags": dg.Field([str], default_value=[], description="flags of daeda pipeline train, such as --force"),
}


def build_steps(project: Project, service: Service) -> tuple[dg.OpDefinition, dg.OpDefinition, dg.OpDefinition]:
    """Ops named after the service: compile_pipeline, skeleton_stage, enrich_stage."""
    name = service.name
    after = {"after": dg.In(dg.Nothing)}

    def flags(context: dg.OpExecutionContext, *kinds: str) -> list[str]:
        return [flag for kind in kinds for flag in context.op_config[kind]]

    def train(context: dg.OpExecutionContext, stage_flag: str) -> list[str]:
        return ["pipeline", "train", name, "--target-date", context.partition_key, stage_flag, *flags(context, "train_flags", "project_flags")]

    @dg.op(name=f"{name}__compile_pipeline", out={"plan": dg.Out(dg.Nothing)}, config_schema=FLAGS_CONFIG)
    def compile_pipeline(context: dg.OpExecutionContext) -> Iterator[Any]:
        """Writes the service's plan."""
        _run(context, project, ["pipeline", "compile", name, *flags(context, "project_flags")])
        yield dg.Output(None, "plan")

    @dg.op(
        name=f"{name}__skeleton_stage",
        ins={**after, **{view: dg.In(dg.Nothing) for view in service.views}},
        out={"skeleton": dg.Out(dg.Nothing), **_check_outs(service, "skeleton")},
        config_schema=FLAGS_CONFIG,
    )
    def skeleton_stage(context: dg.OpExecutionContext) -> Iterator[Any]:
        """Writes all columns of the day but the embeddings."""
        for result in _train(context, project, train(context, "--skeleton-only"), _checks_of(service, "skeleton")):
            yield dg.Output(None, "skeleton", metadata=result.metadata) if isinstance(result, dg.MaterializeResult) else result

    @dg.op(
        name=f"{name}__enrich_stage",
        ins=after,
        out={"result": dg.Out(dg.Nothing), **_check_outs(service, "enrich")},
        config_schema=FLAGS_CONFIG,
    )
    def enrich_stage(context: dg.OpExecutionContext) -> Iterator[Any]:
        """Adds the embeddings and publishes the dataset's partition."""
        yield from _train(context, project, train(context, "--enrich-only"), _checks_of(service, "enrich"))

    return compile_pipeline, skeleton_stage, enrich_stage


def check_output(service: Service, check: Check) -> str:
    """The output by which a step reports the check."""
    return dg.AssetCheckSpec(check.name, asset=service.name).get_python_identifier()


def _checks_of(service: Service, stage: str) -> dict[str, Check]:
    return {check.name: check for check in service.checks if check.stage == stage}


def _check_outs(service: Service, stage: str) -> dict[str, dg.Out]:
    return {check_output(service, check): dg.Out(dg.Nothing) for check in _checks_of(service, stage).values()}


def _train(context: dg.OpExecutionContext, project: Project, arguments: Sequence[str], checks: dict[str, Check]) -> Iterator[Any]:
    """What the command reported, also where it failed: then before the error."""
    results: list[Any] = []
    try:
        _run(context, project, arguments, results)
    finally:
        pending = dict(checks)
        for result in results:
            # The dataset repeats the checks of its skeleton, which the step before has reported.
            if not isinstance(result, dg.AssetCheckResult):
                continue
            if pending.pop(str(result.check_name), None):
                yield result
    for result in results:
        if isinstance(result, dg.MaterializeResult):
            yield result
    for name in pending:
        yield dg.AssetCheckResult(
            check_name=name,
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description="not among the partition's checks: the definitions have changed since this code location was loaded; reload it",
        )


def _run(context: dg.OpExecutionContext, project: Project, arguments: Sequence[str], results: list[Any] | None = None) -> None:
    with dg.open_pipes_session(context, dg.PipesTempFileContextInjector(), dg.PipesTempFileMessageReader()) as session:
        process = subprocess.Popen([*project.command, *arguments], cwd=project.directory, env={**_environment(), **session.get_bootstrap_env_vars()})
        try:
            exit_code = process.wait()
        except BaseException:
            # The run was cancelled: the command is to leave nothing half-written.
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            raise
    # The session is closed, so every message has been read.
    if results is not None:
        results.extend(session.get_results())
    if exit_code != 0:
        reason = "its checks failed" if exit_code == 3 else f"exit code {exit_code}"
        raise dg.Failure(f"daeda {' '.join(arguments[:3])}: {reason}; its own words are in the log", allow_retries=exit_code not in (1, 2, 3))


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "NO_COLOR": "1"}
