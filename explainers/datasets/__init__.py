"""Many photos: an index of their parts on disk, what the index answers, and a gate before a release."""
