"""The values of a watch: plain, frozen, stored as JSON."""
