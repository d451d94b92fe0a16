"""The commands of the program, one module for each. `parser` names their functions; `exporter.cli` imports the chosen."""
