"""Every setting of a run, once: flags, keys of a TOML file, variables of the environment and docs/settings.md come from one table."""

from lanes.settings.table import Settings

__all__ = ["Settings"]
