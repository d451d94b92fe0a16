"""`smoke`: the migration guide's test steps in one transaction that is rolled back."""
