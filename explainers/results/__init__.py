"""What was found: frozen results with their provenance, as tables, records and files."""
