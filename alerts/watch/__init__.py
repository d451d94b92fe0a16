"""The watch after the migration: what was expected, what was seen, where we were blind, and one word at the end."""
