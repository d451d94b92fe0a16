"""The names of the dashboards' files in this folder."""

from pathlib import Path
from typing import Final

OVERVIEW: Final = "outbox-overview.json"
# In the order in which they are written.
DASHBOARDS: Final = (OVERVIEW, "migration-watch.json", "exporter-health.json")
# Panels that the default tables have no values for, with the section of the overview that they belong to.
OTHER_PANELS: Final = Path("parts", "other-panels.json")
