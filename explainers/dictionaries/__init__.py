"""Parts over many photos: clusters of sampled positions, what they carry for a class, and where a network fails on them."""
