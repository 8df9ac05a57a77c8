"""The definitions of a code location: assets, checks, jobs and schedules of one project."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from daedalus_dagster.project import Column, Project, Service, View, read_project
from daedalus_dagster.steps import FLAGS_CONFIG, build_steps, check_output

STEPS = ("compile_pipeline", "skeleton_stage", "enrich_stage")


def load_definitions(
    directory: str | Path,
    *,
    command: Sequence[str] = ("daeda",),
    description: str | Path | None = None,
    view_keys: Mapping[str, dg.AssetKey] | None = None,
    hour_of_day: int = 3,
    retry_policy: dg.RetryPolicy | None = None,
) -> dg.Definitions:
    """Everything of a project, for a code location.

    Args:
        directory: The project's folder.
        command: How `daeda` is called.
        description: A file that `daeda generate dagster --output` wrote; by default daeda is asked.
        view_keys: View -> the asset that makes its rows, for views that other code of yours materializes.
        hour_of_day: When the schedules make the day before, in UTC. They are stopped until somebody starts them.
        retry_policy: For steps whose process was lost. A step that daeda itself ended, such as over a failed check, is never repeated.
    """
    project = read_project(directory, command=command, description=description)
    keys = {view.name: dg.AssetKey(["feature_views", view.name]) for view in project.views} | dict(view_keys or {})
    assets = [build_service_asset(project, service, keys) for service in project.services]
    jobs = [
        dg.define_asset_job(f"{service.name}_job", selection=[service.name], partitions_def=_days(project), op_retry_policy=retry_policy)
        for service in project.services
    ]
    return dg.Definitions(
        assets=[*[_build_view(view, keys[view.name]) for view in project.views if view.name not in (view_keys or {})], *assets],
        jobs=jobs,
        schedules=[dg.build_schedule_from_partitioned_job(job, hour_of_day=hour_of_day) for job in jobs],
        # Steps follow one another, and their work is done by processes of their own.
        executor=dg.in_process_executor,
    )


def build_service_asset(project: Project, service: Service, view_keys: Mapping[str, dg.AssetKey]) -> dg.AssetsDefinition:
    """The dataset of a service: one asset made by three steps, a partition a day."""
    compile_pipeline, skeleton_stage, enrich_stage = build_steps(project, service)
    compiled, skeleton, enriched = STEPS
    stage_of = {"skeleton": skeleton, "enrich": enriched}
    checks = {check_output(service, check): check for check in service.checks}
    graph = dg.GraphDefinition(
        name=service.name,
        description=service.description,
        node_defs=[compile_pipeline, skeleton_stage, enrich_stage],
        dependencies={
            dg.NodeInvocation(compile_pipeline.name, alias=compiled): {},
            dg.NodeInvocation(skeleton_stage.name, alias=skeleton): {"after": dg.DependencyDefinition(compiled, "plan")},
            dg.NodeInvocation(enrich_stage.name, alias=enriched): {"after": dg.DependencyDefinition(skeleton, "skeleton")},
        },
        input_mappings=[dg.InputMapping(graph_input_name=view, mapped_node_name=skeleton, mapped_node_input_name=view) for view in service.views],
        output_mappings=[
            dg.OutputMapping(graph_output_name="result", mapped_node_name=enriched, mapped_node_output_name="result"),
            *[
                dg.OutputMapping(graph_output_name=output, mapped_node_name=stage_of[check.stage], mapped_node_output_name=output)
                for output, check in checks.items()
            ],
        ],
        config=dg.ConfigMapping(config_fn=lambda config: {step: {"config": config} for step in STEPS}, config_schema=FLAGS_CONFIG),
    )
    key = dg.AssetKey(service.name)
    return dg.AssetsDefinition.from_graph(
        graph,
        keys_by_input_name={view: view_keys[view] for view in service.views},
        keys_by_output_name={"result": key},
        partitions_def=_days(project),
        group_name="datasets",
        descriptions_by_output_name={"result": service.description or f"Training rows of {service.name}, a partition a day."},
        metadata_by_output_name={"result": {"service_version": service.version, "owner": service.owner or "", **_schema(service.columns)}},
        check_specs=[dg.AssetCheckSpec(check.name, asset=key, description=check.description) for check in service.checks],
    )


def _build_view(view: View, key: dg.AssetKey) -> dg.AssetSpec:
    metadata = {"source": view.source, "entity": ", ".join(view.entity), **_schema(view.columns)}
    return dg.AssetSpec(key, description=view.description, group_name="feature_views", metadata=metadata)


def _schema(columns: Sequence[Column]) -> dict[str, Any]:
    return {"dagster/column_schema": dg.TableSchema([dg.TableColumn(column.name, column.dtype or "") for column in columns])}


def _days(project: Project) -> dg.DailyPartitionsDefinition:
    return dg.DailyPartitionsDefinition(
        start_date=project.first_day.isoformat(),
        end_date=(project.last_day + timedelta(days=1)).isoformat(),
        timezone="UTC",
    )
