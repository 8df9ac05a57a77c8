"""A Daedalus project as Dagster assets. Every step calls the daeda command line and decides nothing itself."""

from daedalus_dagster.definitions import load_definitions
from daedalus_dagster.project import Project, read_project

__all__ = ["Project", "load_definitions", "read_project"]
