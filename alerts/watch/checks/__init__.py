"""The checks of the watch and the readings that they rest on."""
