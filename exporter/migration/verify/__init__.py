"""`verify`: is the migration fully there, or fully gone."""
