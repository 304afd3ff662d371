"""What runs work, without any science: scheduler, caches, batches."""
