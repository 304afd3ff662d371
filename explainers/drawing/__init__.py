"""Pictures of label maps and concept maps, without torch."""
