"""`verify`: checks whether the migration is completely applied or completely rolled back."""
