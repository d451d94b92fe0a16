"""The commands of the program. `parser` names their functions; `exporter.cli` imports one."""
